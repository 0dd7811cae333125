"""Run a trace through a fleet whose size changes: a controller looks at it in intervals; new replicas start cold."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.sim.clock import set_due
from tokenlane_fleet.sim.compiled import advance
from tokenlane_fleet.sim.fleet import Fleet, Push
from tokenlane_fleet.sim.records import NEVER, Phase, World
from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.run import inputs, result_of
from tokenlane_fleet.sim.trace import Seconds, Tokens, Trace
from tokenlane_fleet.sim.world import build

# Looks at requests that wait for nobody, after the last arrival, before the controller is given up.
_PATIENCE = 1000


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool as its controller sees it. Tokens are budgets. `replicas` are up, `starting` are not yet."""

    name: str
    replicas: int
    starting: int
    waiting_requests: int
    waiting_tokens: int
    running_requests: int
    running_tokens: int
    finished_tokens: int


@dataclass(frozen=True, slots=True)
class Observation:
    now_s: float
    pools: tuple[PoolView, ...]


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a fleet follows its controller. `max_replicas` by pool; a replica holds its GPUs while it starts."""

    interval_s: float
    cold_start_s: float
    max_replicas: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.interval_s > 0 or not self.cold_start_s >= 0:
            raise FleetSettingError("the interval must be positive, and the cold start not negative")


Controller = Callable[[Observation], tuple[int, ...]]
"""Replicas wanted, by pool."""


@dataclass(frozen=True, eq=False)
class ElasticResult:
    """`looks`: what the controller saw, each time."""

    result: Result
    looks: tuple[Observation, ...]


def simulate_elastic(
    trace: Trace,
    fleet: Fleet,
    controller: Controller,
    scaling: Scaling,
    *,
    budgets: Tokens | None = None,
    ttft_limit_s: Seconds | None = None,
) -> ElasticResult:
    """Every request to its end; `Pool.replicas` are there at the start. A replica that is let go finishes what it has.
    Behind a router at least one replica of each pool stays. Raises FleetSettingError also where requests wait and the
    controller never lets a replica start."""
    most = tuple(max(pool.replicas, top) for pool, top in zip(fleet.pools, scaling.max_replicas, strict=True))
    run = _Run(fleet, scaling, build(trace, fleet, *inputs(trace, budgets, ttft_limit_s), most))
    looks: list[Observation] = []
    next_look = float(trace.arrival_s[0]) + scaling.interval_s
    while not run.is_done():
        run.advance_to(min(next_look, run.next_ready_s()))
        if run.now_s >= next_look:
            looks.append(run.observed())
            run.follow(controller(looks[-1]))
            next_look += scaling.interval_s
    return ElasticResult(result_of(trace, fleet, run.world), tuple(looks))


@dataclass(slots=True)
class _Run:
    fleet: Fleet
    scaling: Scaling
    world: World
    # When each starting replica is ready.
    ready_s: dict[int, float] = field(default_factory=dict)
    # Looks in a row at which requests waited for nobody.
    still: int = 0

    @property
    def now_s(self) -> float:
        return float(self.world.clock[0]["now_s"])

    def is_done(self) -> bool:
        arrived = self.world.clock[0]["next_arrival"] == len(self.world.sequences)
        resting = bool((self.world.due_s == NEVER).all())
        return bool(arrived and resting and not self.world.pools["queued"].any())

    def next_ready_s(self) -> float:
        return min(self.ready_s.values(), default=NEVER)

    def advance_to(self, until_s: float) -> None:
        advance(self.world, until_s)
        if self.is_done():
            return
        self.world.clock["now_s"] = until_s
        for replica in [replica for replica, ready in self.ready_s.items() if ready <= until_s]:
            del self.ready_s[replica]
            self.world.replicas[replica]["phase"] = Phase.ACTIVE
            set_due(self.world, replica, until_s)

    def observed(self) -> Observation:
        return Observation(self.now_s, tuple(self._view(number) for number in range(len(self.fleet.pools))))

    def _view(self, number: int) -> PoolView:
        pool, mine = self.world.pools[number], self.world.replicas[self.world.replicas["pool"] == number]
        return PoolView(
            name=self.fleet.pools[number].name,
            replicas=int((mine["phase"] == Phase.ACTIVE).sum()),
            starting=int((mine["phase"] == Phase.STARTING).sum()),
            waiting_requests=int(pool["queued"]),
            waiting_tokens=int(pool["queued_tokens"]),
            running_requests=int(mine["outstanding"].sum()),
            running_tokens=int(mine["committed"].sum()),
            finished_tokens=int(pool["finished_tokens"]),
        )

    def follow(self, wanted: tuple[int, ...]) -> None:
        least = 1 if isinstance(self.fleet.dispatch, Push) else 0
        for number, replicas in enumerate(wanted):
            pool = self.world.pools[number]
            places = range(int(pool["first"]), int(pool["end"]))
            self._resize(places, min(max(replicas, least), len(places)))
        self.still = self.still + 1 if self._stands_still() else 0
        if self.still > _PATIENCE:
            raise FleetSettingError("requests wait, and the controller wants no replica for them")

    def _resize(self, places: range, wanted: int) -> None:
        phase = self.world.replicas["phase"]
        there = [place for place in places if phase[place] in (Phase.ACTIVE, Phase.STARTING)]
        absent = [place for place in places if phase[place] == Phase.OFF]
        for place in absent[: max(0, wanted - len(there))]:
            self._start(place)
        # Those that start go first, then those with the least to finish.
        there.sort(key=lambda place: (place not in self.ready_s, self.world.replicas[place]["committed"], place))
        for place in there[: max(0, len(there) - wanted)]:
            self._let_go(place)

    def _start(self, place: int) -> None:
        replica = self.world.replicas[place]
        replica["phase"], replica["since_s"] = Phase.STARTING, self.now_s
        self.ready_s[place] = self.now_s + self.scaling.cold_start_s

    def _let_go(self, place: int) -> None:
        replica = self.world.replicas[place]
        self.ready_s.pop(place, None)
        if replica["outstanding"]:
            replica["phase"] = Phase.DRAINING
        else:
            replica["phase"] = Phase.OFF
            replica["held_s"] += self.now_s - replica["since_s"]

    def _stands_still(self) -> bool:
        arrived = self.world.clock[0]["next_arrival"] == len(self.world.sequences)
        alone = not np.isin(self.world.replicas["phase"], (Phase.ACTIVE, Phase.STARTING, Phase.DRAINING)).any()
        return bool(arrived and alone and self.world.pools["queued"].any())
