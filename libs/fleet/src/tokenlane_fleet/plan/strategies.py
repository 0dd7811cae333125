"""Each strategy's search, at equal effort.

A pool is tuned from twelve engines, with `Effort.sweeps` over all its settings. So is each of the fixed lanes at the
best boundary; for the other boundaries one sweep from the tuned pool's engines has to do. Lanes that help each other
begin where the fixed ones and the pool in deadline order ended.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.boundaries import candidates, neighbours
from tokenlane_fleet.plan.design import Design, Engine, Lane, one_pool
from tokenlane_fleet.plan.lanes import Laned, LaneSearch
from tokenlane_fleet.plan.policies import (
    DEADLINE,
    FIFO,
    LEAST_WORK,
    lanes,
    paper_pool,
    starting_engines,
    stealing,
    vllm_defaults,
)
from tokenlane_fleet.plan.search import Search, Solved, solved
from tokenlane_fleet.plan.sizing import Size, fewest, splits
from tokenlane_fleet.plan.workload import Workload
from tokenlane_fleet.sim.fleet import Dispatch

_BUSY = 0.6
_SECOND_BOUNDARIES = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """What a strategy came to. `load`: about the highest that it keeps, a power of LOAD_STEP."""

    key: str
    design: Design
    size: Size
    load: int = 0


@dataclass(frozen=True, slots=True)
class Choices:
    """By strategy, and the fixed lanes at each boundary beside the best tuned pool, which they are compared with."""

    found: tuple[Choice, ...]
    pool: Solved | None
    two: tuple[Laned, ...]


def first_guess(workload: Workload, hardware: Hardware) -> int:
    """Replicas if arithmetic were all there is to do and engines were 60 % busy."""
    trace, cost = workload.trace, hardware.cost
    tokens = float(trace.total_tokens.sum())
    read = float((trace.output_tokens * (trace.prompt_tokens + trace.output_tokens / 2)).sum())
    seconds = tokens * cost.per_token_s + read * cost.per_context_token_s
    return max(1, math.ceil(seconds / max(trace.duration_s, 60.0) / _BUSY))


class Strategies:
    """One plan's searches, each done once and when first asked for."""

    def __init__(self, search: Search, workload: Workload, max_lanes: int) -> None:
        self._search = search
        self._work = workload
        self._hardware = search.trials.hardware
        self._guess = first_guess(workload, self._hardware)
        self._max_lanes = min(max_lanes, search.most)
        self._pools: dict[Dispatch, Solved] = {}
        self._two: tuple[Laned, ...] | None = None
        self._lane_search: LaneSearch | None = None

    def choices(self, keys: Sequence[str], begin: Callable[[str], None]) -> Choices:
        """`begin` hears each stage as it begins."""
        found = []
        for key in keys:
            choice = self._choice(key, begin)
            if choice is not None:
                found.append(choice)
        return Choices(tuple(found), self._best_pool(), self._two or ())

    def _best_pool(self) -> Solved | None:
        """Of those that can be had today, by a queue or by a router."""
        pools = [self._pools[dispatch] for dispatch in (FIFO, LEAST_WORK) if dispatch in self._pools]
        return min(pools, key=lambda of: (not of.size.kept, of.size.total, of.needed), default=None)

    def _choice(self, key: str, begin: Callable[[str], None]) -> Choice | None:
        if key in ("paper", "defaults"):
            begin(key)
            return self._fixed(key, (paper_pool if key == "paper" else vllm_defaults)(self._hardware))
        pools: dict[str, Dispatch] = {"one": FIFO, "one-push": LEAST_WORK, "one-deadline": DEADLINE}
        if key in pools:
            begin(key)
            pool = self._pool(pools[key])
            return Choice(key, pool.design, pool.size, pool.load or 0)
        if self._max_lanes < 2:
            return None
        if key == "elastic":
            return self._elastic(begin)
        if key == "three" and self._max_lanes < 3:
            return None
        laned = self._best_two(begin) if key == "two" else self._three(begin)
        return Choice(key, laned.design, laned.size, min(of.load or 0 for of in laned.parts)) if laned else None

    def _fixed(self, key: str, design: Design) -> Choice:
        search = self._search
        return Choice(key, design, fewest(search.trials, self._work, design, (self._guess,), search.most))

    def _pool(self, dispatch: Dispatch) -> Solved:
        if dispatch not in self._pools:
            designs = [one_pool(engine, dispatch) for engine in starting_engines(self._hardware, dispatch)]
            self._pools[dispatch] = solved(self._search, self._work, designs, (self._guess,))
        return self._pools[dispatch]

    def _engines(self) -> list[Engine]:
        return [self._pool(FIFO).design.lanes[0].engine, *starting_engines(self._hardware, FIFO)]

    def _best_two(self, begin: Callable[[str], None]) -> Laned | None:
        """At the best of the boundaries and of its neighbours, with all the effort."""
        if self._two is None:
            self._two = tuple(self._two_lanes(begin))
        return min(self._two, key=lambda of: of.rank, default=None)

    def _two_lanes(self, begin: Callable[[str], None]) -> list[Laned]:
        search = LaneSearch(self._search, self._work, self._pool(FIFO).size.total)
        self._lane_search = search
        found = self._at_boundaries(search, candidates(self._work, self._search.effort.boundaries), (), begin)
        if not found:
            return []
        best = min(found, key=lambda of: of.rank)
        tried = {of.boundaries[0] for of in found}
        others = [of for of in neighbours(self._work, best.boundaries[0]) if of not in tried]
        found += self._at_boundaries(search, others, best.design.lanes, begin)
        begin("two")
        best = min(found, key=lambda of: of.rank)
        found[found.index(best)] = search.harder(best, self._engines())
        return sorted(found, key=lambda of: of.boundaries)

    def _at_boundaries(
        self, search: LaneSearch, boundaries: Sequence[int], known: Sequence[Lane], begin: Callable[[str], None]
    ) -> list[Laned]:
        """One sweep each, from the tuned pool's engine and those at the boundary before (at first: `known`)."""
        found: list[Laned] = []
        for boundary in boundaries:
            begin(f"two lanes at {boundary:,}")
            near = found[-1].design.lanes if found else known
            engines = [self._pool(FIFO).design.lanes[0].engine, *(lane.engine for lane in near)]
            found.append(search.split((boundary,), list(dict.fromkeys(engines)), sweeps=1))
        return found

    def _three(self, begin: Callable[[str], None]) -> Laned | None:
        """The best two lanes with one of them split again."""
        best = self._best_two(begin)
        if best is None or self._lane_search is None or not self._two:
            return None
        begin("three")
        first = best.boundaries[0]
        near = sorted(
            (of.boundaries[0] for of in self._two if of is not best), key=lambda of: abs(math.log(of / first))
        )
        engines = [lane.engine for lane in best.design.lanes]
        tried = [
            self._lane_search.split(sorted((first, second)), engines, sweeps=1)
            for second in near[:_SECOND_BOUNDARIES]
            if self._work.members(*sorted((first, second))).any()
        ]
        if not tried:
            return None
        return self._lane_search.harder(min(tried, key=lambda of: of.rank), self._engines())

    def _elastic(self, begin: Callable[[str], None]) -> Choice | None:
        """From the fixed lanes' settings and from those of the pool in deadline order."""
        two = self._best_two(begin)
        if two is None:
            return None
        pool = self._pool(DEADLINE)
        begin("elastic")
        engine = pool.design.lanes[0].engine
        starts = stealing(lanes(two.boundaries, (engine, engine), FIFO)) + stealing(two.design)
        total = max(2, min(pool.size.total, two.size.total))
        of = solved(self._search, self._work, starts, splits(total, two.size.replicas)[0])
        return Choice("elastic", of.design, of.size, of.load or 0)
