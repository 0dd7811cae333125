"""What requests of batch priority leave of an engine, so that others find room as if there were no batch. Pure; times
by any clock, in seconds.

Batch is to fill what would be idle. What others take goes up and down; what they took at most within the last minute
they may take again at once, while a request of batch keeps its place until it ends. And each that runs makes the steps
longer that others wait for: beside others only a few do.
"""

from tokenlane_worker.credit import NOTHING, Capacity, Cost

WINDOW_S = 30.0
# Always left, though nobody else was here for long. Unit: parts of the capacity.
_LEAST = 8


def beside_of(max_num_seqs: int) -> int:
    """How many requests of batch priority run beside others where nobody says: so few that the others' time to the
    first token is about what it is without them (`bench.tenants`)."""
    return max(1, max_num_seqs // 32)


class Reserve:
    """Told of all that requests of other priorities take. `beside`: sequences of batch at most while others run."""

    def __init__(self, capacity: Capacity, beside: int) -> None:
        self._beside = beside
        self._least = Cost(capacity.tokens // _LEAST, capacity.sequences // _LEAST)
        self._now = self._peak = self._peak_before = NOTHING
        self._until_s = 0.0

    def takes(self, cost: Cost, now_s: float) -> None:
        """All of them together take so much from now on."""
        self._roll(now_s)
        self._now = cost
        self._peak = _most(self._peak, cost)

    def left(self, now_s: float, free: int, batch: int) -> Cost:
        """What others may come to take: as much more as they took at most within one to two windows; and of `free`
        sequences all that are too many beside the `batch` ones."""
        self._roll(now_s)
        peak = _most(self._peak, self._peak_before)
        more = Cost(peak.tokens - self._now.tokens, peak.sequences - self._now.sequences)
        too_many = free - max(0, self._beside - batch) if self._now.sequences else 0
        return _most(self._least, _most(more, Cost(0, too_many)))

    def _roll(self, now_s: float) -> None:
        if now_s < self._until_s:
            return
        recent = now_s < self._until_s + WINDOW_S
        self._peak_before = self._peak if recent else self._now
        self._peak = self._now
        self._until_s = now_s + WINDOW_S


def _most(one: Cost, other: Cost) -> Cost:
    return Cost(max(one.tokens, other.tokens), max(one.sequences, other.sequences))
