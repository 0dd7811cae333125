"""What to do with an attempt, decided apart from doing it."""

from dataclasses import dataclass
from enum import Enum, auto

from tokenlane.v1.reply_pb2 import Outcome

_BACKOFF_S = (0.1, 0.5, 2.0, 5.0, 15.0)
_SHORTEST, _SPREAD = 0.75, 0.5


class Stop(Enum):
    """Why an attempt is stopped from outside."""

    CANCELLED = auto()
    EXPIRED = auto()
    # It ran for longer than any attempt may.
    OVERRUN = auto()
    # The worker ends.
    DRAINED = auto()
    # The engine under it is gone, or stands still.
    ENGINE_GONE = auto()
    # The claim is lost: the request may be with another worker.
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Completed:
    """The engine answered; whatever it said is the client's answer."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A result is stored already: that is the answer."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The request is another worker's now: touch nothing."""


@dataclass(frozen=True, slots=True)
class Reroute:
    """Give the request to another lane of its model, since a context of `too_short` tokens does not hold it. `moved`:
    it outgrew that in mid-answer. `budget`: prompt and output tokens that it goes on with; None keeps what it had.
    `ending`: the end of the stream that is shown if the lane has no room for the request."""

    lane: str
    too_short: int
    moved: bool = False
    budget: tuple[int, int] | None = None
    ending: bytes = b""


@dataclass(frozen=True, slots=True)
class Retry:
    """Give the request back to the lane, to be delivered again after `delay_s`. `excused`: it does not count against
    the request. `resting`: the engine is at fault, and this worker pulls nothing for as long."""

    delay_s: float
    reason: str
    excused: bool = False
    resting: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """End the request with an error. `dead`: it goes to the dead letters, `cause` being what ended the last attempt."""

    status: int
    message: str
    outcome: Outcome = Outcome.OUTCOME_FAILED
    error_type: str = "server_error"
    code: str | None = None
    dead: bool = False
    cause: str = ""


Verdict = Completed | Settled | Gone | Reroute | Retry | End


def expired(running: bool = False) -> End:
    """The deadline passed, while the request waited or while it ran."""
    message = "the deadline passed before the answer was complete" if running else _TOO_LATE
    return End(504, message, Outcome.OUTCOME_EXPIRED, "timeout_error", "deadline_exceeded")


_TOO_LATE = "the deadline passed before an engine was free"


def cancelled() -> End:
    """The client went away."""
    return End(499, "cancelled by the client", Outcome.OUTCOME_CANCELLED, "cancelled", "cancelled")


def not_stored(reason: str) -> End:
    """The bus has no room for the answer."""
    return End(502, f"the answer could not be stored: {reason}", code="answer_not_stored")


def body_missing() -> End:
    """The body travelled by the object store and is not there any more."""
    return End(502, "the body of the request is not stored any more", code="body_missing")


def interrupted(reason: str) -> End:
    """A part of the answer was shown, and no other engine can go on with it."""
    return End(502, f"the answer was interrupted: {reason}", code="stream_interrupted")


def given_up(failed: int, reason: str) -> End:
    """As many attempts failed as a request has."""
    return End(502, f"{failed} attempts failed, last: {reason}", code="engine_failed", dead=True, cause=reason)


def backoff_s(attempt: int, chance: float, left_s: float | None) -> float:
    """Seconds until the attempt after `attempt`, a quarter more or less by `chance` (0 to 1). Not beyond the deadline,
    `left_s` seconds from now."""
    delay = _BACKOFF_S[min(attempt, len(_BACKOFF_S)) - 1] * (_SHORTEST + _SPREAD * chance)
    return delay if left_s is None else max(0.0, min(delay, left_s))


def after_failure(reason: str, failed: int, max_attempts: int, delay_s: float) -> Retry | End:
    """The engine broke in mid-answer, `failed` attempts have failed with this one."""
    if failed < max_attempts:
        return Retry(delay_s, reason, resting=True)
    return given_up(failed, reason)


def after_stop(stop: Stop, reason: str, delay_s: float = 0.0) -> Verdict:
    """An attempt was stopped from outside. `delay_s`: for one that is handed over."""
    match stop:
        case Stop.CANCELLED:
            return cancelled()
        case Stop.EXPIRED:
            return expired(running=True)
        case Stop.LOST:
            return Gone()
        case Stop.DRAINED:
            return Retry(delay_s, reason, excused=True)
        case Stop.OVERRUN | Stop.ENGINE_GONE:
            return Retry(0, reason)
