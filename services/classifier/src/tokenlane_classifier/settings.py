"""What the classifier reads on top of the shared settings."""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from tokenlane_chassis.settings import ServiceSettings
from tokenlane_classifier.dispatch.candidates import Patience
from tokenlane_classifier.estimate.output_settings import OutputSettings
from tokenlane_classifier.estimate.prompt import PromptSettings
from tokenlane_proto.lane_setting import LaneSetting, parse_lanes

_OUTPUT = OutputSettings()
_PROMPT = PromptSettings()


class ClassifierSettings(ServiceSettings):
    """Settings of the classifier."""

    lanes: Annotated[tuple[LaneSetting, ...], NoDecode] = Field(
        default=(LaneSetting("short", 8192), LaneSetting("long", None)),
        description="Lanes, shortest first, each with the most total tokens it is for; the last has no boundary",
    )
    default_output_tokens: int = Field(
        _OUTPUT.default_tokens, gt=0, description="Output of a request where none like it was seen yet"
    )
    output_quantile: float = Field(
        _OUTPUT.quantile, gt=0, lt=1, description="Share of outputs that a budget is to hold"
    )
    lane_quantile: float = Field(
        _OUTPUT.lane_quantile, gt=0, lt=1, description="Quantile of the output by which a lane is chosen"
    )
    output_half_life_s: float = Field(
        _OUTPUT.half_life_s, gt=0, description="Age at which what a request produced counts half"
    )
    ratio_gamma: float = Field(
        _PROMPT.gamma, ge=0, le=10, description="Mean errors by which the estimate of a prompt is raised"
    )
    estimates_interval_s: float = Field(10, gt=0, le=3_600, description="How often replicas share what they learned")
    ttft_short_ms: int = Field(
        1_000, gt=0, description="Time to first token of requests in the first lane that do not say"
    )
    ttft_long_ms: int = Field(5_000, gt=0, description="Time to first token of others that do not say, at least")
    ttft_prompt_tokens_per_s: int = Field(
        4_000, gt=0, description="Prompt tokens for which others have a second more than those of the first lane"
    )
    prefill_tokens_per_s: float = Field(
        10_000, gt=0, description="Prompt tokens that an engine with nothing else to do computes in a second"
    )
    max_in_flight: int = Field(256, gt=0, le=65_536, description="Requests pulled and not yet settled")

    def patience(self) -> Patience:
        """Time to first token of requests that do not say."""
        return Patience(self.ttft_short_ms, self.ttft_long_ms, self.ttft_prompt_tokens_per_s)

    @field_validator("lanes", mode="before")
    @classmethod
    def _parse_lanes(cls, value: Any) -> Any:
        return parse_lanes(value) if isinstance(value, str) else value


def prompt_settings(settings: ClassifierSettings) -> PromptSettings:
    """Constants of the prompt's estimate."""
    return PromptSettings(gamma=settings.ratio_gamma)


def output_settings(settings: ClassifierSettings) -> OutputSettings:
    """Constants of the output's estimate."""
    return OutputSettings(
        quantile=settings.output_quantile,
        lane_quantile=settings.lane_quantile,
        default_tokens=settings.default_output_tokens,
        half_life_s=settings.output_half_life_s,
    )
