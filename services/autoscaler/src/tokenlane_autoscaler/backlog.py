"""The backlog of a lane in tokens, from the broker's own counts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tokenlane_proto import subjects
from tokenlane_proto.errors import MalformedMessageError


@dataclass(frozen=True, slots=True)
class Backlog:
    """Budget tokens of a lane's unfinished requests: those that wait, and those that a worker has."""

    waiting_tokens: float
    running_tokens: float
    running_requests: int

    @property
    def tokens(self) -> float:
        """Both."""
        return self.waiting_tokens + self.running_tokens


def backlog(counts: Mapping[str, int], pending: int, in_progress: int) -> Backlog:
    """From stored messages by lane subject, and the consumer's messages not yet delivered and not yet acknowledged. The
    broker does not say which subjects are running, so the tokens are shared out by message."""
    total = sum(count * _tokens(subject) for subject, count in counts.items())
    seen = pending + in_progress
    running = total * in_progress / seen if seen else 0.0
    return Backlog(total - running, running, in_progress)


def _tokens(subject: str) -> int:
    try:
        return subjects.parse_lane(subject).tokens
    except MalformedMessageError:
        return 0
