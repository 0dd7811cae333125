"""Fixed lanes: each is tuned by itself on the requests that come to it, then all are sized together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tokenlane_fleet.plan.design import Design, Engine, one_pool
from tokenlane_fleet.plan.policies import FIFO, lanes
from tokenlane_fleet.plan.search import Search, Solved, solved
from tokenlane_fleet.plan.sizing import Size, fewest
from tokenlane_fleet.plan.workload import Workload


@dataclass(frozen=True, slots=True)
class Laned:
    """Fixed lanes and their size. `parts` is by lane: what each takes alone."""

    boundaries: tuple[int, ...]
    design: Design
    size: Size
    parts: tuple[Solved, ...]

    @property
    def needed(self) -> float:
        """Replicas before they are rounded up, lane by lane."""
        return sum(part.needed for part in self.parts)

    @property
    def rank(self) -> tuple[bool, int, float]:
        """Smaller is better: fewer replicas, then more room in the lane that has least."""
        if math.isinf(self.needed):
            return (True, self.size.total, 0.0)
        room = min(count / part.needed for count, part in zip(self.size.replicas, self.parts, strict=True))
        return (not self.size.kept, self.size.total, -room)


class LaneSearch:
    """Lanes of one workload; each lane is searched once for all the splits that have it."""

    def __init__(self, search: Search, workload: Workload, replicas: int) -> None:
        """`replicas`: what a single pool takes, from which a lane's size is guessed by its share of the tokens."""
        self._search = search
        self._workload = workload
        self._replicas = replicas
        self._known: dict[tuple[int, int | None], Solved] = {}

    def split(self, boundaries: Sequence[int], engines: Sequence[Engine], sweeps: int | None = None) -> Laned:
        """The lanes between `boundaries`, each tuned from the best of `engines` unless it was before."""
        edges = (0, *boundaries, None)
        bounds = [(above or 0, up_to) for above, up_to in pairwise(edges)]
        parts = tuple(self._lane(above, up_to, engines, sweeps) for above, up_to in bounds)
        return self._sized(boundaries, parts)

    def harder(self, laned: Laned, engines: Sequence[Engine]) -> Laned:
        """The same lanes with all the effort that a single pool gets; what was found before is one of the starts."""
        parts = []
        for index, (above, up_to) in enumerate(laned.design.bounds()):
            self._known.pop((above, up_to), None)
            parts.append(self._lane(above, up_to, [laned.design.lanes[index].engine, *engines], None))
        found = self._sized(laned.boundaries, tuple(parts))
        return min((found, laned), key=lambda of: of.rank)

    def _lane(self, above: int, up_to: int | None, engines: Sequence[Engine], sweeps: int | None) -> Solved:
        if (above, up_to) not in self._known:
            lane = self._search.trials.lane(self._workload, above, up_to)
            if lane is None:
                raise ValueError(f"no request between {above} and {up_to} tokens")
            share = float(lane.budgets.sum() / self._workload.budgets.sum())
            guess = max(1, math.ceil(self._replicas * share))
            designs = [one_pool(engine, FIFO) for engine in engines]
            self._known[above, up_to] = solved(self._search, lane, designs, (guess,), sweeps=sweeps)
        return self._known[above, up_to]

    def _sized(self, boundaries: Sequence[int], parts: tuple[Solved, ...]) -> Laned:
        design = lanes(boundaries, [part.design.lanes[0].engine for part in parts], FIFO)
        guess = tuple(part.size.total for part in parts)
        size = fewest(self._search.trials, self._workload, design, guess, self._search.most)
        return Laned(tuple(boundaries), design, size, parts)
