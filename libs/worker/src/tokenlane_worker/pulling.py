"""Which queues a worker takes from, and whose turn it is. Pure; times by any clock, in seconds.

What waits in a lane is in one queue for each lane whose engines it fits. A worker's own queues come first. What waits
in other lanes and fits its engine it takes while its own queues have nothing: the more urgent lanes, those of shorter
requests, before the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

# Requests on their way from an own queue other than the one that delivered last. Together they may be more than there
# is room for; what is too much is held.
ASIDE = 2


class Queue(NamedTuple):
    """What waits in `lane` and fits the engines of the lane `fits`."""

    lane: str
    fits: str


class Source(NamedTuple):
    """A queue as a worker sees it. `turn`: 0 for its own, otherwise the place of its lane among the others. `urgency`
    of its requests, 0 the most urgent. `need`: most tokens that one of them takes."""

    queue: Queue
    turn: int
    urgency: int
    need: int

    @property
    def rank(self) -> int:
        """How urgently the worker asks, against others that ask for the same."""
        return 0 if self.turn == 0 else 1


def own_sources(own: Sequence[str], lanes: Iterable[str], largest: int) -> tuple[Source, ...]:
    """The queues of the lanes `own`, most urgent first, whatever lane they fit. `lanes`: all that are known. `largest`:
    most tokens of a sequence in the worker's engine. What does not fit it comes too: the engine refuses it."""
    others = sorted({*lanes} - {*own})
    return tuple(
        Source(Queue(lane, fits), 0, urgency, largest)
        for urgency, lane in enumerate(own)
        for fits in (lane, *(name for name in (*own, *others) if name != lane))
    )


def other_sources(own: Sequence[str], contexts: Mapping[str, int], largest: int) -> tuple[Source, ...]:
    """The queues of other lanes that hold nothing longer than `largest` tokens. `contexts`: what the engines of each
    lane hold, in tokens."""
    others = sorted((lane for lane in contexts if lane not in own), key=lambda lane: (contexts[lane], lane))
    fitting = [(lane, context) for lane, context in sorted(contexts.items()) if context <= largest]
    return tuple(
        Source(Queue(lane, fits), turn, len(own), need)
        for turn, lane in enumerate(others, start=1)
        for fits, need in fitting
    )


class Turns:
    """A queue's turn comes once all those before it were asked and had nothing for `grace_s` seconds."""

    def __init__(self, grace_s: float, now_s: float) -> None:
        self._grace_s = grace_s
        self._asked_s = now_s
        self._served_s: dict[int, float] = {}

    def asked(self, now_s: float) -> None:
        """The own queues are asked from now on: there is room again, or the broker is back."""
        self._asked_s = now_s

    def served(self, turn: int, now_s: float) -> None:
        """A queue of this turn had something."""
        self._served_s[turn] = now_s

    def wait_s(self, turn: int, now_s: float) -> float:
        """Seconds until it may be this turn's; 0: it is. Own queues never wait."""
        if turn == 0:
            return 0.0
        before = (at_s for other, at_s in self._served_s.items() if other < turn)
        return max(0.0, max((self._asked_s, *before)) + self._grace_s - now_s)
