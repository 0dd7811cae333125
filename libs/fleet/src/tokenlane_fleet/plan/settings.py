"""What the planner is asked beside the trace, and what it says while it works."""

from collections.abc import Callable
from dataclasses import dataclass

from tokenlane_fleet.errors import FleetSettingError

STRATEGIES = ("paper", "defaults", "one-push", "one", "one-deadline", "two", "three", "elastic")
"""Keys of the options, in the order of a report."""

BUDGETS = ("exact", "declared", "estimated")
"""What the classifier may believe of lengths; see `sim.budgets`."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard each strategy is tuned, the same for all. `requests`: of the busiest stretch, on which settings are
    compared; `stretch`: of the busiest one on which fleets are sized before all of a longer trace decides; `sweeps`
    over all settings; `boundaries` tried for two lanes."""

    requests: int = 8_000
    stretch: int = 40_000
    sweeps: int = 2
    boundaries: int = 7

    def __post_init__(self) -> None:
        if min(self.requests, self.stretch, self.boundaries) < 1 or self.sweeps < 0:
            raise FleetSettingError("effort needs at least one request and one boundary, and no negative sweeps")


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """`budgets`: one of BUDGETS. `max_lanes` 1 leaves lanes out.
    `transit_s`: from arrival until an engine could have the request. `price_per_gpu_hour` None: the hardware's."""

    strategies: tuple[str, ...] = STRATEGIES
    max_replicas: int = 1024
    budgets: str = "exact"
    seed: int = 0
    max_lanes: int = 3
    transit_s: float = 0.0
    effort: Effort = Effort()
    price_per_gpu_hour: float | None = None

    def __post_init__(self) -> None:
        unknown = [key for key in self.strategies if key not in STRATEGIES]
        if unknown or not self.strategies:
            raise FleetSettingError(f"unknown strategies {', '.join(unknown)}; there are: {', '.join(STRATEGIES)}")
        if self.budgets not in BUDGETS:
            raise FleetSettingError(f"unknown budgets {self.budgets}; there are: {', '.join(BUDGETS)}")
        if self.max_replicas < 1 or self.max_lanes < 1 or self.transit_s < 0:
            raise FleetSettingError("max_replicas and max_lanes must be at least 1, transit_s not negative")


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `expected` parts of the work; `stage` is the one that began; `simulations` so far."""

    done: int
    expected: int
    stage: str
    simulations: int


OnProgress = Callable[[Progress], None]
