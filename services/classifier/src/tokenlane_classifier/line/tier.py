"""What waits of one priority, in all places."""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping

from tokenlane_classifier.line.bands import Head
from tokenlane_classifier.line.queue import Queue
from tokenlane_classifier.line.waiting import Place, Waiting

# A place that was empty or had no room is owed at most this many slacks of each tenant.
_CREDIT = 2
# A slack that differs by less than this factor is not worth a change.
_FACTOR = 1.25


class Tier:
    """Each place is fair by itself, so that nobody's turn in one is lost for what it is served in another; who waits in
    two has a share in each. Where several have room, each names whose turn it is. They take turns so that tenants of
    one are served as much as those of another: who is within the slack of the lowest is an equal here, too."""

    def __init__(self, slack: float, parked: Container[str]) -> None:
        self._slack, self._parked = slack, parked
        # Of lanes where it was changed.
        self._slacks: dict[str, float] = {}
        self._queues: dict[Place, Queue] = {}
        # What is added to a place's levels to compare them with the others'.
        self._offsets: defaultdict[Place, float] = defaultdict(float)
        self._reached = 0.0

    @property
    def queues(self) -> Mapping[Place, Queue]:
        """By place."""
        return self._queues

    def queue(self, place: Place) -> Queue:
        """Made where there is none."""
        if place not in self._queues:
            self._queues[place] = Queue(self._slacks.get(place.lane, self._slack), self._parked)
        return self._queues[place]

    def slacken(self, lane: str, slack: float) -> None:
        """From now on this is the slack of a lane's places."""
        if 1 / _FACTOR < slack / self._slacks.get(lane, self._slack) < _FACTOR:
            return
        self._slacks[lane] = slack
        self._slack = max(self._slacks.values())
        for place, queue in self._queues.items():
            if place.lane == lane:
                queue.slacken(slack)

    def first(self, now_s: float, room: Container[Place]) -> Waiting | None:
        """Whose turn it is."""
        named = list(self._named(now_s, room))
        if len(named) < 2:
            return named[0][1] if named else None
        standings = [self._standing(waiting) for _, waiting in named]
        most = min(standings) + self._slack
        equals = (each for each, standing in zip(named, standings, strict=True) if standing <= most)
        return min(equals, key=lambda each: each[0])[1]

    def release(self, waiting: Waiting, amount: float) -> None:
        """It goes, for this much over its tenant's weight."""
        queue, standing = self._queues[waiting.place], self._standing(waiting)
        self._offsets[waiting.place] = standing - queue.level(waiting.tenant)
        self._reached = max(self._reached, standing)
        queue.release(waiting.seq, amount)

    def _standing(self, waiting: Waiting) -> float:
        level = self._queues[waiting.place].level(waiting.tenant) + self._offsets[waiting.place]
        return max(level, self._reached - _CREDIT * self._slack)

    def _named(self, now_s: float, room: Container[Place]) -> Iterator[tuple[Head, Waiting]]:
        for place, queue in self._queues.items():
            if place in room and (found := queue.first(now_s)) is not None:
                yield found
