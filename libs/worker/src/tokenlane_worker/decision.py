"""What to do with an attempt, decided apart from doing it."""

from dataclasses import dataclass

from tokenlane.v1.reply_pb2 import Outcome

_BACKOFF_S = (0.1, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Retry:
    """Give the request back to the lane, to be delivered again after `delay_s`."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class End:
    """End the request with an error."""

    status: int
    message: str
    outcome: Outcome = Outcome.OUTCOME_FAILED
    error_type: str = "server_error"
    code: str | None = None


def expired() -> End:
    """The deadline passed while the request waited."""
    return End(
        504, "the deadline passed before an engine was free", Outcome.OUTCOME_EXPIRED, "timeout_error", "deadline"
    )


def cancelled() -> End:
    """The client went away."""
    return End(499, "cancelled by the client", Outcome.OUTCOME_CANCELLED, "cancelled", "cancelled")


def too_large() -> End:
    """The engine's answer does not fit into a message."""
    return End(502, "the answer is larger than a message of the bus", code="answer_too_large")


def after_engine_error(reason: str, attempt: int, max_attempts: int) -> Retry | End:
    """An engine that was not there, or broke in mid-answer: another attempt while there are some left."""
    if attempt < max_attempts:
        return Retry(_BACKOFF_S[min(attempt, len(_BACKOFF_S)) - 1])
    return End(502, f"the engine failed {attempt} times, last: {reason}", code="engine_failed")
