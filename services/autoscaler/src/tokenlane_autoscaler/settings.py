"""What the autoscaler reads on top of the shared settings."""

from typing import Self

from pydantic import Field, model_validator

from tokenlane_chassis.settings import ServiceSettings


class AutoscalerSettings(ServiceSettings):
    """Settings of the autoscaler. They hold for every lane."""

    interval_s: float = Field(5, gt=0, description="Time between two looks at the backlog")
    target_drain_s: float = Field(30, gt=0, description="Within this time a lane works off what waits in it")
    min_replicas: int = Field(1, ge=0, description="Fewest workers of a lane; 0 lets an idle lane go")
    max_replicas: int = Field(8, ge=1, description="Most workers of a lane")
    cooldown_s: float = Field(120, ge=0, description="For so long fewer workers must do before some are let go")
    scale_up_factor: float = Field(4, gt=1, description="Most growth in one step, as a multiple")
    replica_tokens_per_s: float = Field(1_000, gt=0, description="Budget tokens a worker finishes, until measured")
    window_s: float = Field(60, gt=0, description="Time over which finished tokens are averaged")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("TOKENLANE_MIN_REPLICAS exceeds TOKENLANE_MAX_REPLICAS")
        if self.window_s < 2 * self.interval_s:
            raise ValueError("TOKENLANE_WINDOW_S must be at least twice TOKENLANE_INTERVAL_S")
        return self
