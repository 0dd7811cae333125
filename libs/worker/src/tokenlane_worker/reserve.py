"""What requests of batch priority leave of an engine, so that others find room as if there were no batch. Pure; times
by any clock, in seconds.

Batch is to fill what would be idle. What others take goes up and down; what they took at most within the last minute
they may take again at once, while a request of batch keeps its place until it ends.
"""

from tokenlane_worker.credit import NOTHING, Capacity, Cost

WINDOW_S = 30.0
# Always left, though nobody else was here for long. Unit: parts of the capacity.
_LEAST = 8


class Reserve:
    """Told of all that requests of other priorities take."""

    def __init__(self, capacity: Capacity) -> None:
        self._least = Cost(capacity.tokens // _LEAST, capacity.sequences // _LEAST)
        self._now = self._peak = self._peak_before = NOTHING
        self._until_s = 0.0

    def takes(self, cost: Cost, now_s: float) -> None:
        """All of them together take so much from now on."""
        self._roll(now_s)
        self._now = cost
        self._peak = _most(self._peak, cost)

    def left(self, now_s: float) -> Cost:
        """What others may come to take: as much more as they took at most within one to two windows."""
        self._roll(now_s)
        peak = _most(self._peak, self._peak_before)
        more = Cost(peak.tokens - self._now.tokens, peak.sequences - self._now.sequences)
        return _most(self._least, more)

    def _roll(self, now_s: float) -> None:
        if now_s < self._until_s:
            return
        recent = now_s < self._until_s + WINDOW_S
        self._peak_before = self._peak if recent else self._now
        self._peak = self._now
        self._until_s = now_s + WINDOW_S


def _most(one: Cost, other: Cost) -> Cost:
    return Cost(max(one.tokens, other.tokens), max(one.sequences, other.sequences))
