"""The kernel and the fleet's rules, compiled by numba at the first call and cached beside this file (where that cannot
be written: in the user's cache)."""

import inspect
from hashlib import sha256
from types import FunctionType, ModuleType
from typing import Any

from numba import njit
from numba.extending import register_jitable

from tokenlane_fleet import urgency
from tokenlane_fleet.kernel import run, seconds, step, waiting
from tokenlane_fleet.sim import clock, loop, pulling, pushing, queue, turns, worker
from tokenlane_fleet.sim.borrowing import borrowed
from tokenlane_fleet.sim.records import World

_ENGINE: tuple[ModuleType, ...] = (waiting, step, seconds, run)
_MODULES: tuple[ModuleType, ...] = (*_ENGINE, urgency, clock, queue, turns, worker, pushing, pulling, loop)


def _own_functions(module: ModuleType) -> list[FunctionType]:
    return [
        value for value in vars(module).values() if inspect.isfunction(value) and value.__module__ == module.__name__
    ]


def _compiled() -> Any:
    """`loop.advance`, without the interpreter's lock. numba looks only at this file and at the closure to tell whether
    cached code is old, so the closure holds a digest of all the sources."""
    for module in _MODULES:
        for function in _own_functions(module):
            register_jitable(error_model="numpy")(function)
    digest = sha256("".join(inspect.getsource(module) for module in _MODULES).encode()).hexdigest()
    simulated = loop.advance

    def advance(world: World, until_s: float) -> str:
        lent = World(
            borrowed(world.sequences),
            borrowed(world.replicas),
            borrowed(world.pools),
            borrowed(world.limits),
            borrowed(world.costs),
            borrowed(world.rules),
            borrowed(world.clock),
            borrowed(world.due_s),
            borrowed(world.soonest),
            borrowed(world.running),
            borrowed(world.finished),
            borrowed(world.scratch),
            borrowed(world.queue_keys),
            borrowed(world.queue_items),
        )
        simulated(lent, until_s)
        return digest

    return njit(cache=True, nogil=True, error_model="numpy")(advance)


advance: Any = _compiled()
