"""Run a trace through a fleet of fixed size."""

import numpy as np

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.sim.compiled import advance
from tokenlane_fleet.sim.fleet import Fleet
from tokenlane_fleet.sim.records import NEVER, Phase, World
from tokenlane_fleet.sim.result import PoolTotals, Result
from tokenlane_fleet.sim.trace import Seconds, Tokens, Trace
from tokenlane_fleet.sim.world import build


def simulate(
    trace: Trace, fleet: Fleet, *, budgets: Tokens | None = None, ttft_limit_s: Seconds | None = None
) -> Result:
    """Every request to its end. `budgets`: tokens in all that the classifier believes (None: the true ones);
    `ttft_limit_s`: limits that deadline order and `late_last` go by (None: none).

    Deterministic. Raises FleetSettingError where an array does not belong to the trace.
    """
    world = build(trace, fleet, *inputs(trace, budgets, ttft_limit_s), tuple(pool.replicas for pool in fleet.pools))
    advance(world, NEVER)
    return result_of(trace, fleet, world)


def inputs(trace: Trace, budgets: Tokens | None, ttft_limit_s: Seconds | None) -> tuple[Tokens, Seconds]:
    """The optional arrays, filled in and checked."""
    believed = trace.total_tokens if budgets is None else budgets
    limits = np.full(len(trace), np.inf) if ttft_limit_s is None else ttft_limit_s
    if len(believed) != len(trace) or len(limits) != len(trace):
        raise FleetSettingError(f"budgets and limits must have one entry for each of {len(trace)} requests")
    if believed.min() < 1:
        raise FleetSettingError("a budget must be at least 1 token")
    return believed, limits


def result_of(trace: Trace, fleet: Fleet, world: World) -> Result:
    """What the records say at the end."""
    rows = world.sequences
    return Result(
        trace=trace,
        pool=rows["pool"].astype(np.int32),
        first_token_s=rows["first_token_s"].copy(),
        finished_s=rows["finished_s"].copy(),
        preempted=rows["preemptions"].astype(np.int32),
        moved=rows["moved"].astype(np.bool_),
        pools=tuple(_totals(fleet, world, number) for number in range(len(fleet.pools))),
        ended_s=float(world.clock[0]["now_s"]),
    )


def _totals(fleet: Fleet, world: World, number: int) -> PoolTotals:
    mine = world.replicas[world.replicas["pool"] == number]
    blocks = fleet.pools[number].limits.usable_blocks
    there = mine["phase"] != Phase.OFF
    held = mine["held_s"].sum() + (world.clock[0]["now_s"] - mine["since_s"][there]).sum()
    return PoolTotals(
        name=fleet.pools[number].name,
        steps=int(mine["steps"].sum()),
        preemptions=int(mine["preemptions"].sum()),
        busy_s=float(mine["busy_s"].sum()),
        replica_s=float(held),
        peak_kv=1 - float(mine["fewest_free"].min()) / blocks,
        prompt_tokens=int(mine["computed_tokens"].sum()),
        generation_tokens=int(mine["generation_tokens"].sum()),
    )
