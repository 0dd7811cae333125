"""Service-level objectives by class of request, and who met them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.trace import Seconds, Trace


@dataclass(frozen=True, slots=True)
class ClassLimits:
    """Limits of the requests with at most `up_to_tokens` tokens in all (None: any more than the class before).

    Time to first token: max(`ttft_s`, `ttft_offset_s` + prompt / `prompt_tokens_per_s`); `tpot_s` a token after it.
    """

    name: str
    up_to_tokens: int | None
    ttft_s: float
    tpot_s: float
    ttft_offset_s: float = 0.0
    prompt_tokens_per_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Slo:
    """`attainment` of the requests of *each* class must keep both of their limits."""

    classes: tuple[ClassLimits, ...]
    attainment: float = 0.99

    def __post_init__(self) -> None:
        bounds = [limits.up_to_tokens for limits in self.classes]
        finite = [bound for bound in bounds if bound is not None]
        if not bounds or bounds[-1] is not None or len(finite) != len(bounds) - 1 or finite != sorted(set(finite)):
            raise FleetSettingError("classes must ascend by up_to_tokens, and the last must have none")
        if not 0 < self.attainment <= 1:
            raise FleetSettingError(f"attainment must be in (0, 1], got {self.attainment:g}")


def two_classes(
    short_up_to: int = 4096, ttft_s: float = 1.0, tpot_s: float = 0.08, long_tpot_s: float | None = None
) -> Slo:
    """Short requests within `ttft_s`; long ones within max(5 of those, one of those + prompt / 4000 tokens/s)."""
    short = ClassLimits("short", short_up_to, ttft_s, tpot_s)
    long = ClassLimits("long", None, 5 * ttft_s, long_tpot_s or tpot_s, ttft_s, 4000.0)
    return Slo((short, long))


def class_of(trace: Trace, slo: Slo) -> NDArray[np.int64]:
    """Index of each request's class, by the tokens it really takes."""
    bounds = [limits.up_to_tokens for limits in slo.classes[:-1]]
    return np.searchsorted(np.asarray(bounds, dtype=np.int64), trace.total_tokens, side="left")


def ttft_limit_s(trace: Trace, slo: Slo) -> Seconds:
    """Limit of each request's time to first token."""
    limits = np.empty(len(trace))
    classes = class_of(trace, slo)
    for index, of in enumerate(slo.classes):
        mine = classes == index
        limits[mine] = np.maximum(of.ttft_s, of.ttft_offset_s + trace.prompt_tokens[mine] / of.prompt_tokens_per_s)
    return limits


def kept(result: Result, slo: Slo) -> NDArray[np.bool_]:
    """Which requests kept both limits. A rejected one did not."""
    tpot = np.asarray([of.tpot_s for of in slo.classes])[class_of(result.trace, slo)]
    return (result.ttft_s <= ttft_limit_s(result.trace, slo)) & (result.tpot_s <= tpot)


def attainments(result: Result, slo: Slo) -> tuple[float, ...]:
    """Share of each class that kept both limits; 1 for a class without requests."""
    good, classes = kept(result, slo), class_of(result.trace, slo)
    return tuple(
        float(good[classes == index].mean()) if (classes == index).any() else 1.0 for index in range(len(slo.classes))
    )


def meets(result: Result, slo: Slo) -> bool:
    """Whether each class attains."""
    return all(share >= slo.attainment for share in attainments(result, slo))
