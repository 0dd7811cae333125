"""The autoscaler's own follower, fed with what a simulated fleet finishes."""

from dataclasses import dataclass, field

import numpy as np

from tokenlane_autoscaler.boundary.finished import Finished
from tokenlane_autoscaler.boundary.follower import Follower, LaneSeen
from tokenlane_fleet.boundary import BoundarySettings, LaneUpper, Uppers
from tokenlane_fleet.sim.fleet import Fleet, Pull, Steal
from tokenlane_fleet.sim.moving import Look
from tokenlane_fleet.sim.trace import Trace

_ANY = 1 << 62


@dataclass(frozen=True, slots=True)
class Change:
    """Lanes that divide anew, and why."""

    at_s: float
    uppers: Uppers
    reason: str


@dataclass(slots=True)
class ProductBoundary:
    """Moves the boundary between two pools. `speed`: of prefills, in tokens a second."""

    trace: Trace
    fleet: Fleet
    settings: BoundarySettings
    speed: float
    changes: list[Change] = field(default_factory=list)
    _lane: "np.typing.NDArray[np.int64]" = field(init=False)
    _follower: Follower = field(init=False)
    _upper: int = field(init=False)

    def __post_init__(self) -> None:
        short, long = self.fleet.pools
        self._upper = short.up_to_tokens or _ANY
        configured = (LaneUpper(short.name, self._upper), LaneUpper(long.name, None))
        self._follower = Follower(self.settings, configured, self.speed)
        self._lane = np.zeros(len(self.trace), np.int64)

    def __call__(self, look: Look) -> tuple[int, ...]:
        self._came(look)
        self._ended(look)
        decision = self._follower.look(self._seen(look), look.now_s)
        if decision.changed:
            self.changes.append(Change(look.now_s, decision.uppers, decision.reason))
        self._upper = self._upper_of(decision.uppers)
        return (self._upper,)

    def _upper_of(self, uppers: Uppers) -> int:
        if len(uppers) > 1:
            return uppers[0].upper or _ANY
        return _ANY if uppers[0].lane == self.fleet.pools[0].name else 0

    def _came(self, look: Look) -> None:
        self._lane[look.arrived] = self.trace.total_tokens[look.arrived] > self._upper

    def _ended(self, look: Look) -> None:
        names = [pool.name for pool in self.fleet.pools]
        for place in np.argsort(look.ended_s, kind="stable").tolist():
            item = int(look.finished[place])
            prompt, output = int(self.trace.prompt_tokens[item]), int(self.trace.output_tokens[item])
            lanes, total = (names[self._lane[item]], names[look.ran[place]]), prompt + output
            done = Finished(*lanes, prompt, output, total, total, self.speed)
            self._follower.finished(done, float(look.ended_s[place]))

    def _seen(self, look: Look) -> list[LaneSeen]:
        dispatch = self.fleet.dispatch
        elastic = isinstance(dispatch, Pull) and dispatch.steal is not Steal.NEVER
        return [
            LaneSeen(
                pool.name,
                pool.replicas,
                look.waiting_tokens[lane],
                pool.limits.max_model_len,
                elastic,
            )
            for lane, pool in enumerate(self.fleet.pools)
        ]
