"""The settings of a simulated engine."""

import math
from dataclasses import dataclass, replace

from tokenlane_fleet import FleetError, Profile, SchedulerLimits, find_profile
from tokenlane_worker.engine.errors import EngineStartError

_OVERRIDES = (
    "num_blocks",
    "block_size",
    "max_num_seqs",
    "max_num_batched_tokens",
    "max_model_len",
    "long_prefill_token_threshold",
)


@dataclass(frozen=True, slots=True)
class SimulatedEngineConfig:
    """A profile of `tokenlane_fleet` (or its name), its overrides, and how fast time runs (`speed` 1 is real time)."""

    served_model_name: str
    profile: Profile | str = "laptop-instant"
    speed: float = 1.0
    num_blocks: int | None = None
    block_size: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    max_model_len: int | None = None
    long_prefill_token_threshold: int | None = None

    def resolve(self) -> Profile:
        """The profile with the overrides in it. Raises EngineStartError naming the setting at fault."""
        if not self.speed > 0 or math.isinf(self.speed):
            raise EngineStartError(f"simulated engine: speed must be a positive number, got {self.speed}")
        try:
            profile = find_profile(self.profile) if isinstance(self.profile, str) else self.profile
            return replace(profile, limits=self._limits(profile.limits))
        except FleetError as error:
            raise EngineStartError(f"simulated engine: {error}") from None

    def _limits(self, limits: SchedulerLimits) -> SchedulerLimits:
        given = {name: getattr(self, name) for name in _OVERRIDES if getattr(self, name) is not None}
        return replace(limits, **given)
