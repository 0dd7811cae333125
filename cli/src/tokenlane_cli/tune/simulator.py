"""A stretch of recorded traffic on fleets of one kind of engine. Needs numpy and numba."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenlane_cli.tune.arrivals import Stretch
from tokenlane_cli.tune.compare_values import Outcome, burden
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.limits import SchedulerLimits
from tokenlane_fleet.plan.sizing import splits
from tokenlane_fleet.sim.fleet import Fleet, Pool, Pull, Steal
from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.run import simulate


@dataclass(frozen=True, slots=True)
class LaneSetup:
    """A lane as it is simulated."""

    name: str
    up_to_tokens: int | None
    limits: SchedulerLimits


@dataclass(frozen=True, slots=True)
class Setup:
    """Lanes, shortest first. `elastic`: idle workers take what fits their engine from other lanes."""

    title: str
    lanes: tuple[LaneSetup, ...]
    elastic: bool


class Simulator:
    """One stretch of traffic on one kind of engine."""

    def __init__(
        self,
        stretch: Stretch,
        hardware: Hardware,
        short_up_to: int,
        tpot_s: float,
        on_run: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`tpot_s`: most time a token that is wanted. `on_run` hears how many fleets were simulated."""
        self.tpot_s = tpot_s
        self._stretch = stretch
        self._hardware = hardware
        self._short = stretch.trace.total_tokens <= short_up_to
        self._on_run = on_run
        self.runs = 0

    def run(self, setup: Setup, replicas: tuple[int, ...]) -> Outcome:
        """Every request of the stretch."""
        pools = tuple(
            Pool(lane.name, lane.limits, self._hardware.cost, count, lane.up_to_tokens)
            for lane, count in zip(setup.lanes, replicas, strict=True)
        )
        steal = Steal.WHEN_IDLE if setup.elastic and len(pools) > 1 else Steal.NEVER
        result = simulate(self._stretch.trace, Fleet(pools, Pull(steal=steal)), budgets=self._stretch.budgets)
        self.runs += 1
        self._on_run(self.runs)
        return _outcome(setup, replicas, result, self._short)

    def best_split(self, setup: Setup, total: int) -> Outcome | None:
        """So many replicas, shared between the lanes as serves best; None where there are fewer than lanes."""
        if total < len(setup.lanes):
            return None
        if len(setup.lanes) == 1:
            return self.run(setup, (total,))
        tried = [self.run(setup, split) for split in splits(total, self._like(setup), around=1)[:5]]
        return min(tried, key=lambda outcome: burden(outcome, self.tpot_s))

    def _like(self, setup: Setup) -> tuple[int, ...]:
        """The lanes' shares of all tokens, in thousandths."""
        lowers, totals = 0, self._stretch.trace.total_tokens
        shares = []
        for lane in setup.lanes:
            mine = self._stretch.budgets > lowers
            if lane.up_to_tokens is not None:
                mine &= self._stretch.budgets <= lane.up_to_tokens
                lowers = lane.up_to_tokens
            shares.append(max(1, round(1000 * float(totals[mine].sum() / totals.sum()))))
        return tuple(shares)


def _outcome(setup: Setup, replicas: tuple[int, ...], result: Result, short: NDArray[np.bool_]) -> Outcome:
    served = ~result.rejected
    return Outcome(
        title=setup.title,
        boundary=setup.lanes[0].up_to_tokens or 0,
        replicas=replicas,
        short_ttft_p50_s=_percentile(result.ttft_s[served & short], 50),
        short_ttft_p99_s=_percentile(result.ttft_s[served & short], 99),
        long_ttft_p99_s=_percentile(result.ttft_s[served & ~short], 99),
        ttft_p99_s=_percentile(result.ttft_s[served], 99),
        tpot_p99_s=_percentile(result.tpot_s[served & (result.trace.output_tokens > 1)], 99),
        preemptions=result.preemptions,
        rejected=int(result.rejected.sum()),
    )


def _percentile(seconds: NDArray[np.float64], percent: int) -> float:
    return float(np.percentile(seconds, percent)) if len(seconds) else 0.0
