"""Run a trace through lanes whose boundaries move: a controller looks in intervals at what has finished."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.sim.compiled import advance
from tokenlane_fleet.sim.fleet import Fleet
from tokenlane_fleet.sim.records import NEVER, World
from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.run import inputs, result_of
from tokenlane_fleet.sim.trace import Seconds, Tokens, Trace
from tokenlane_fleet.sim.world import build


@dataclass(frozen=True, eq=False)
class Look:
    """What a controller sees. `arrived` and `finished` since it looked last, as numbers of the trace's requests in
    order; when and in which pool each of these `ended_s` and `ran`; `waiting_tokens`: budgets that no worker has, by
    pool."""

    now_s: float
    arrived: NDArray[np.intp]
    finished: NDArray[np.intp]
    ended_s: Seconds
    ran: NDArray[np.intp]
    waiting_tokens: tuple[int, ...]


Mover = Callable[[Look], tuple[int, ...]]
"""The largest budget of each pool but the last, in tokens; they must not fall. 0: it gets nothing new."""


@dataclass(frozen=True, slots=True)
class Move:
    """Boundaries that came into force at `at_s`."""

    at_s: float
    up_to_tokens: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class MovingResult:
    """`moves`: the changes, in order."""

    result: Result
    moves: tuple[Move, ...]


def simulate_moving(
    trace: Trace,
    fleet: Fleet,
    mover: Mover,
    interval_s: float,
    *,
    budgets: Tokens | None = None,
    ttft_limit_s: Seconds | None = None,
) -> MovingResult:
    """Every request to its end. `Pool.up_to_tokens` hold at the start; what has been queued stays where it is. Raises
    FleetSettingError for boundaries that fall or are too many or too few."""
    if not interval_s > 0:
        raise FleetSettingError("the interval must be positive")
    slots = tuple(pool.replicas for pool in fleet.pools)
    world = build(trace, fleet, *inputs(trace, budgets, ttft_limit_s), slots)
    moves: list[Move] = []
    looked_s, arrived, next_s = -np.inf, 0, float(trace.arrival_s[0]) + interval_s
    while not _is_done(world):
        advance(world, next_s)
        if _is_done(world):
            break
        world.clock["now_s"] = next_s
        wanted = mover(_look(world, looked_s, arrived))
        if _moved(world, wanted):
            moves.append(Move(next_s, wanted))
        looked_s, arrived, next_s = next_s, int(world.clock[0]["next_arrival"]), next_s + interval_s
    return MovingResult(result_of(trace, fleet, world), tuple(moves))


def _look(world: World, looked_s: float, arrived: int) -> Look:
    now_s, rows = float(world.clock[0]["now_s"]), world.sequences
    ended = np.flatnonzero((rows["finished_s"] > looked_s) & (rows["finished_s"] <= now_s))
    return Look(
        now_s,
        np.arange(arrived, int(world.clock[0]["next_arrival"])),
        ended,
        rows["finished_s"][ended],
        rows["pool"][ended].astype(np.intp),
        tuple(world.pools["queued_tokens"].tolist()),
    )


def _is_done(world: World) -> bool:
    arrived = world.clock[0]["next_arrival"] == len(world.sequences)
    return bool(arrived and (world.due_s == NEVER).all() and not world.pools["queued"].any())


def _moved(world: World, wanted: tuple[int, ...]) -> bool:
    uppers = world.pools["up_to_tokens"][:-1]
    if len(wanted) != len(uppers) or list(wanted) != sorted(wanted) or min(wanted, default=0) < 0:
        raise FleetSettingError(f"boundaries must ascend from at least 0, one a pool but the last: {wanted}")
    if (uppers == wanted).all():
        return False
    uppers[:] = wanted
    return True
