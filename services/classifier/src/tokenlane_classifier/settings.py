"""What the classifier reads on top of the shared settings."""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from tokenlane_chassis.settings import ServiceSettings
from tokenlane_classifier.lanes import LaneBoundary, parse_boundaries


class ClassifierSettings(ServiceSettings):
    """Settings of the classifier."""

    lanes: Annotated[tuple[LaneBoundary, ...], NoDecode] = Field(
        default=(LaneBoundary("short", 8192), LaneBoundary("long", None)),
        description="Lanes, shortest first, each with the most total tokens it is for; the last has no boundary",
    )
    default_output_tokens: int = Field(512, gt=0, description="Output bound of a request that sets none")
    ratio_gamma: float = Field(0.5, ge=0, le=10, description="Deviations by which the bytes a token takes are lowered")
    ratio_beta: float = Field(0.95, gt=0, lt=1, description="Weight of the past in the bytes a token takes")
    max_in_flight: int = Field(256, gt=0, le=65_536, description="Requests pulled and not yet settled")

    @field_validator("lanes", mode="before")
    @classmethod
    def _parse_lanes(cls, value: Any) -> Any:
        return parse_boundaries(value) if isinstance(value, str) else value
