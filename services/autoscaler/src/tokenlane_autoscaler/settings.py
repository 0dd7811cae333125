"""What the autoscaler reads on top of the shared settings."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto.lane_setting import LaneSetting, parse_lanes


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

    lanes: Annotated[tuple[LaneSetting, ...], NoDecode] = Field(
        default=(LaneSetting("short", 8192), LaneSetting("long", None)),
        description="Lanes as the classifier has them: where they divide until the traffic says otherwise",
    )
    boundary: Literal["adaptive", "fixed"] = Field(
        "adaptive",
        description="adaptive: boundaries follow the traffic; fixed: they stay where TOKENLANE_LANES has them",
    )
    boundary_interval_s: float = Field(300, gt=0, description="Least time between two changes of a model's boundaries")
    boundary_least_tokens: int = Field(512, gt=0, description="Lowest boundary")
    boundary_most_tokens: int = Field(1_048_576, gt=0, description="Highest boundary")
    boundary_short_tokens: int = Field(
        4_096, gt=0, description="Requests of up to so many tokens in all are those whose first token counts"
    )
    boundary_collapse: bool = Field(True, description="A single lane may take everything where more do not pay")
    boundary_collapse_after_s: float = Field(1_800, ge=0, description="For so long one lane must have been enough")

    @field_validator("lanes", mode="before")
    @classmethod
    def _parse_lanes(cls, value: Any) -> Any:
        return parse_lanes(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("TOKENLANE_MIN_REPLICAS exceeds TOKENLANE_MAX_REPLICAS")
        if self.window_s < 2 * self.interval_s:
            raise ValueError("TOKENLANE_WINDOW_S must be at least twice TOKENLANE_INTERVAL_S")
        if self.boundary_least_tokens > self.boundary_most_tokens:
            raise ValueError("TOKENLANE_BOUNDARY_LEAST_TOKENS exceeds TOKENLANE_BOUNDARY_MOST_TOKENS")
        return self
