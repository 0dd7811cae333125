"""Simulations on demand: several at a time, none twice, and lanes that do not touch each other one by one."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.design import Design, fleet
from tokenlane_fleet.plan.workload import Workload, misses
from tokenlane_fleet.sim.fleet import Fleet
from tokenlane_fleet.sim.result import PoolTotals, Result
from tokenlane_fleet.sim.trace import Seconds, Tokens, Trace

Misses = tuple[int, ...]


class Simulate(Protocol):
    """`tokenlane_fleet.sim.run.simulate`, or a stand-in."""

    def __call__(
        self, trace: Trace, fleet: Fleet, *, budgets: Tokens | None = None, ttft_limit_s: Seconds | None = None
    ) -> Result: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """A fleet under a workload at `LOAD_STEP ** load` times its requests a second."""

    workload: Workload
    load: int
    design: Design
    replicas: tuple[int, ...]


class Trials:
    """Answers trials, and remembers the answers. `on_simulated(n)` hears after each batch how many there were."""

    def __init__(
        self,
        simulate: Simulate,
        executor: Executor,
        hardware: Hardware,
        *,
        transit_s: float = 0.0,
        on_simulated: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.hardware = hardware
        self.simulations = 0
        self._simulate = simulate
        self._executor = executor
        self._transit_s = transit_s
        self._on_simulated = on_simulated
        self._known: dict[Trial, Misses] = {}
        self._stretches: dict[tuple[Workload, int], Workload] = {}
        self._lanes: dict[tuple[Workload, int, int | None], Workload | None] = {}

    def misses(self, asked: Sequence[Trial]) -> list[Misses]:
        """Requests of each class that miss their limits, by trial."""
        parts = [self._apart(trial) for trial in asked]
        self._run([part for trial in parts for part in trial])
        none = [(0,) * len(trial.workload.allowed) for trial in asked]
        return [
            tuple(sum(lane) for lane in zip(*(self._known[part] for part in trial), zero, strict=True))
            for trial, zero in zip(parts, none, strict=True)
        ]

    def results(self, asked: Sequence[Trial]) -> list[Result]:
        """Everything about each trial; not remembered."""
        futures = [[self._submit(part) for part in self._apart(trial)] for trial in asked]
        results = [[future.result() for future in trial] for trial in futures]
        self._count(sum(len(trial) for trial in results))
        return [
            _merged(trial, parts) if self.separable(trial.workload, trial.design) else parts[0]
            for trial, parts in zip(asked, results, strict=True)
        ]

    def busiest(self, workload: Workload, requests: int) -> Workload:
        """`workload.busiest(requests)`, each time the same object."""
        key = (workload, requests)
        if key not in self._stretches:
            self._stretches[key] = workload.busiest(requests)
        return self._stretches[key]

    def separable(self, workload: Workload, design: Design) -> bool:
        """Whether several lanes can be simulated one by one: none takes another's requests, and none has a request
        that outgrows its engines' context and so moves on to a lane with a longer one."""
        if len(design.lanes) == 1 or not design.apart:
            return False
        longest = max(of.engine.max_model_len for of in design.lanes)
        for of, bounds in zip(design.lanes, design.bounds(), strict=True):
            lane = self.lane(workload, *bounds) if of.engine.max_model_len < longest else None
            if lane is not None and int(lane.trace.total_tokens.max()) > of.engine.max_model_len:
                return False
        return True

    def lane(self, workload: Workload, above: int, up_to: int | None) -> Workload | None:
        """The requests of one lane, each time the same object; None where there is none. A class may miss its share
        of them, or half of what it may miss in all where that is more."""
        key = (workload, above, up_to)
        if key not in self._lanes:
            members = workload.members(above, up_to)
            self._lanes[key] = workload.lenient(members, 0.5) if members.any() else None
        return self._lanes[key]

    def _apart(self, trial: Trial) -> list[Trial]:
        design = trial.design
        if not self.separable(trial.workload, design):
            return [trial]
        lanes = [self.lane(trial.workload, *bounds) for bounds in design.bounds()]
        return [
            Trial(lane, trial.load, design.alone(index), (trial.replicas[index],))
            for index, lane in enumerate(lanes)
            if lane is not None
        ]

    def _run(self, trials: Sequence[Trial]) -> None:
        fresh = [trial for trial in dict.fromkeys(trials) if trial not in self._known]
        futures = [self._submit(trial) for trial in fresh]
        for trial, future in zip(fresh, futures, strict=True):
            self._known[trial] = misses(future.result(), trial.workload.slo)
        self._count(len(fresh))

    def _submit(self, trial: Trial) -> "Future[Result]":
        of = trial.workload
        simulated = fleet(trial.design, trial.replicas, self.hardware, self._transit_s)
        return self._executor.submit(
            self._simulate, of.at(trial.load), simulated, budgets=of.budgets, ttft_limit_s=of.ttft_s
        )

    def _count(self, simulations: int) -> None:
        self.simulations += simulations
        if simulations:
            self._on_simulated(self.simulations)


def _merged(trial: Trial, parts: Sequence[Result]) -> Result:
    """The results of lanes that never meet, as one of the whole fleet."""
    whole = trial.workload.at(trial.load)
    pool = np.full(len(whole), -1, dtype=np.int32)
    first_token_s, finished_s = np.full((2, len(whole)), np.nan)
    preempted, moved = np.zeros(len(whole), dtype=np.int32), np.zeros(len(whole), dtype=np.bool_)
    totals: list[PoolTotals] = []
    left = list(parts)
    for index, bounds in enumerate(trial.design.bounds()):
        mine = trial.workload.members(*bounds)
        if not mine.any():
            continue
        part = left.pop(0)
        pool[mine] = np.where(part.rejected, -1, index)
        first_token_s[mine], finished_s[mine] = part.first_token_s, part.finished_s
        preempted[mine], moved[mine] = part.preempted, part.moved
        totals += part.pools
    ended_s = max(part.ended_s for part in parts)
    return Result(whole, pool, first_token_s, finished_s, preempted, moved, tuple(totals), ended_s)
