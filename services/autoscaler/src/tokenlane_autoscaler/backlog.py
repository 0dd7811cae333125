"""The backlog of a lane in tokens, from the broker's own counts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tokenlane_proto import subjects
from tokenlane_proto.errors import MalformedMessageError


@dataclass(frozen=True, slots=True)
class Backlog:
    """Budget tokens of unfinished requests: those that wait, and those that a worker has."""

    waiting_tokens: float
    running_tokens: float
    running_requests: int

    @property
    def tokens(self) -> float:
        """Both."""
        return self.waiting_tokens + self.running_tokens

    def plus(self, other: "Backlog") -> "Backlog":
        """This and that of another queue of the lane."""
        return Backlog(
            self.waiting_tokens + other.waiting_tokens,
            self.running_tokens + other.running_tokens,
            self.running_requests + other.running_requests,
        )


NOTHING = Backlog(0, 0, 0)


def by_queue(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Counts by lane subject, apart by whose engines they fit: each is a queue with a consumer of its own."""
    queues: dict[str, dict[str, int]] = {}
    for subject, count in counts.items():
        try:
            fits = subjects.parse_lane(subject).fits
        except MalformedMessageError:
            continue
        queues.setdefault(fits, {})[subject] = count
    return queues


def backlog(counts: Mapping[str, int], pending: int, in_progress: int) -> Backlog:
    """Of one queue, from its stored messages by subject, and its consumer's messages not yet delivered and not yet
    acknowledged. The broker does not say which subjects are running, so the tokens are shared out by message."""
    total = sum(count * _tokens(subject) for subject, count in counts.items())
    seen = pending + in_progress
    running = total * in_progress / seen if seen else 0.0
    return Backlog(total - running, running, in_progress)


def _tokens(subject: str) -> int:
    try:
        return subjects.parse_lane(subject).tokens
    except MalformedMessageError:
        return 0
