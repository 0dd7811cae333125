"""What the supervisor does next, given what it sees. Pure: time is an argument, in seconds on any one clock."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0
# A process that ran this long has recovered: its next crash counts as the first.
STABLE_AFTER_S = 60.0


class Phase(StrEnum):
    """Where a process is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    EXITED = "exited"
    WAITING = "waiting to restart"


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as observed. `since`: when its phase began. `ran_s`: length of its last run. `crashes`: in a row."""

    name: str
    phase: Phase
    since: float
    lane: str = ""
    asked_to_stop: bool = False
    crashes: int = 0
    ran_s: float = 0.0
    retry_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Spawn:
    """Run the process."""

    name: str


@dataclass(frozen=True, slots=True)
class AddWorker:
    """Run one more worker of a lane."""

    lane: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ask a surplus process to drain and end."""

    name: str


@dataclass(frozen=True, slots=True)
class Kill:
    """End a process that did not end when asked."""

    name: str


@dataclass(frozen=True, slots=True)
class RestartLater:
    """A process crashed: run it again at `at`."""

    name: str
    at: float
    crashes: int


@dataclass(frozen=True, slots=True)
class Forget:
    """A process that was asked to stop is gone."""

    name: str


Action = Spawn | AddWorker | Terminate | Kill | RestartLater | Forget


def decide(seen: Sequence[Seen], desired: Mapping[str, int], now: float, grace_s: float) -> list[Action]:
    """The next actions. `desired` gives workers by lane; a lane that is not in it is left as it is."""
    actions = [action for each in seen for action in _for_one(each, now, grace_s)]
    for lane, wanted in desired.items():
        actions += _scale(lane, wanted, [each for each in seen if each.lane == lane])
    return actions


def retry_delay_s(crashes: int) -> float:
    """Wait before the restart after this many crashes in a row: doubling, bounded."""
    return min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(crashes - 1, 16))


def _for_one(seen: Seen, now: float, grace_s: float) -> Iterator[Action]:
    if seen.phase is Phase.EXITED and seen.asked_to_stop:
        yield Forget(seen.name)
    elif seen.phase is Phase.EXITED:
        crashes = 1 if seen.ran_s >= STABLE_AFTER_S else seen.crashes + 1
        yield RestartLater(seen.name, now + retry_delay_s(crashes), crashes)
    elif seen.phase is Phase.WAITING and now >= seen.retry_at:
        yield Spawn(seen.name)
    elif seen.phase is Phase.STOPPING and now - seen.since > grace_s:
        yield Kill(seen.name)


def _scale(lane: str, wanted: int, workers: Sequence[Seen]) -> list[Action]:
    staying = [each for each in workers if not each.asked_to_stop]
    if len(staying) < wanted:
        return [AddWorker(lane)] * (wanted - len(staying))
    # Those that do not serve yet go first, then the youngest: the oldest have the warmest caches.
    leaving = sorted(staying, key=lambda each: (each.phase is Phase.READY, -each.since))
    return [Terminate(each.name) for each in leaving[: len(staying) - wanted]]
