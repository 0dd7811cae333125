"""What is expected of a division of the lanes."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

from tokenlane_fleet.boundary.buckets import bucket, upper
from tokenlane_fleet.boundary.traffic import (
    BoundarySettings,
    LaneCapacity,
    LaneOutlook,
    LaneUpper,
    Outlook,
    Traffic,
    Uppers,
)
from tokenlane_fleet.boundary.waiting import Queue, mean_wait_s, quantile_s

_EVERYTHING = 1 << 62
# Others help a lane once it is as full as this.
_HELPED = 0.95


class Outlooks:
    """Divisions of one traffic among some lanes. Costs two look-ups a lane and division."""

    def __init__(self, traffic: Traffic, lanes: Sequence[LaneCapacity], settings: BoundarySettings) -> None:
        self.lanes = {lane.name: lane for lane in lanes}
        self.settings = settings
        self._rate = traffic.rate
        self._edges = [part.upper for part in traffic.slices]
        columns = zip(*traffic.slices, strict=True) if traffic.slices else [()] * 5
        _, *sums = columns
        self._sums = [list(accumulate(column, initial=0.0)) for column in sums]
        self._all = self._below(_EVERYTHING)
        self.longest = self._edges[-1] if self._edges else 0
        self._short = self._below(upper(bucket(settings.short_tokens)))

    def of(self, uppers: Uppers) -> Outlook:
        """Lanes that divide there. What a lane with elastic helpers cannot do itself, they do."""
        edges = [0, *(self._upper(lane) for lane in uppers)]
        edges[-1] = _EVERYTHING
        found, queues = [], []
        pool = self._pool()
        for lane, (above, up_to) in zip(uppers, pairwise(edges), strict=True):
            outlook, queue = self._lane(self.lanes[lane.lane], above, up_to, pool)
            found.append(outlook)
            queues.append(queue)
        return Outlook(
            uppers,
            tuple(found),
            quantile_s(queues, self.settings.quantile),
            max(lane.utilisation for lane in found),
        )

    def _upper(self, lane: LaneUpper) -> int:
        longest = self.lanes[lane.lane].max_model_len
        return longest if lane.upper is None else min(lane.upper, longest)

    def _pool(self) -> float:
        """Utilisation if all work were spread over all workers."""
        _, prompt, output, _ = self._all
        weight = self._all[0] or 1.0
        work = self._rate * (prompt + self.settings.output_weight * output) / weight
        return work / sum(max(1, lane.replicas) * lane.tokens_per_s for lane in self.lanes.values())

    def _lane(self, lane: LaneCapacity, above: int, up_to: int, pool: float) -> tuple[LaneOutlook, Queue]:
        low, high = self._below(above), self._below(up_to)
        weight, prompt, output, squares = (b - a for a, b in zip(low, high, strict=True))
        everything = self._all[0] or 1.0
        replicas = max(1, lane.replicas)
        if weight <= 0:
            return LaneOutlook(lane.name, 0.0, 0.0, 0.0, 0.0), Queue(0.0, 0.0, 0.0, 0.0)
        rate = self._rate * weight / everything
        of_output = self.settings.output_weight * output / weight
        decoding = rate * of_output / (replicas * lane.tokens_per_s)
        utilisation = decoding + rate * prompt / weight / (replicas * lane.tokens_per_s)
        helped = utilisation
        limit = max(pool, _HELPED)
        if lane.elastic and utilisation > limit:
            helped, decoding = limit, decoding * limit / utilisation
            rate *= limit / utilisation
        speed = lane.tokens_per_s * (1 - decoding)
        if helped >= 1 or speed <= 0:
            chance, wait, own = 1.0, math.inf, 0.0
        else:
            chance, wait = mean_wait_s(rate, prompt / weight / speed, squares / weight / speed**2, replicas)
            own = self._own(low, high) / speed
        work = (prompt + self.settings.output_weight * output) / self._work
        short = self._between(above, up_to)[0] / (self._short[0] or 1.0)
        outlook = LaneOutlook(lane.name, weight / everything, work, utilisation, wait)
        return outlook, Queue(short, chance, wait / chance if chance else 0.0, own)

    @property
    def _work(self) -> float:
        return (self._all[1] + self.settings.output_weight * self._all[2]) or 1.0

    def _own(self, low: Sequence[float], high: Sequence[float]) -> float:
        """Prompt tokens of short requests, in the root mean square."""
        top = [min(a, b) for a, b in zip(high, self._short, strict=True)]
        weight, squares = top[0] - low[0], top[3] - low[3]
        return math.sqrt(max(squares, 0.0) / weight) if weight > 0 else 0.0

    def _between(self, above: int, up_to: int) -> Sequence[float]:
        low = [min(a, b) for a, b in zip(self._below(above), self._short, strict=True)]
        high = [min(a, b) for a, b in zip(self._below(up_to), self._short, strict=True)]
        return [b - a for a, b in zip(low, high, strict=True)]

    def _below(self, tokens: int) -> list[float]:
        place = bisect_right(self._edges, tokens)
        return [sums[place] for sums in self._sums]


def single(name: str) -> Uppers:
    """One lane for everything."""
    return (LaneUpper(name, None),)
