"""What is asked of the planner. Frozen values, checked before anything long begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tokenlane_cli.durations import parse_duration
from tokenlane_cli.errors import UsageError


class Budgets(StrEnum):
    """What the lanes are told of a request's length before it runs."""

    EXACT = "exact"
    DECLARED = "declared"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Objectives:
    """Limits of two classes, or of one where `class_boundary` is 0, that the share `attainment` of each keeps.

    Long requests: first token within max(`long_ttft_s`, `ttft_s` + prompt / `prompt_rate`); rate 0: no such term.
    """

    ttft_s: float
    long_ttft_s: float
    tpot_s: float
    long_tpot_s: float
    class_boundary: int
    prompt_rate: float
    attainment: float


@dataclass(frozen=True, slots=True)
class Question:
    """A whole `tokenlane plan`. None: not asked for, or by default."""

    trace: Path
    model: str
    gpu: str
    tensor_parallel: int | None
    profile: Path | None
    objectives: Objectives
    rate: float | None
    limit: int | None
    price: float | None
    budgets: Budgets
    max_lanes: int
    max_replicas: int | None
    linear: bool
    seed: int
    jobs: int


def objectives(ttft: str, tpot: str, class_boundary: int, prompt_rate: float, attainment: float) -> Objectives:
    """The flags' texts as limits. By default the long class has five times the short one's TTFT. Raises UsageError."""
    ttft_s, long_ttft_s = parse_limits("--slo-ttft", ttft)
    tpot_s, long_tpot_s = parse_limits("--slo-tpot", tpot)
    if not class_boundary and (long_ttft_s is not None or long_tpot_s is not None):
        raise UsageError("two limits need two classes: set --class-boundary above 0")
    if not 0 < attainment <= 1:
        raise UsageError(f"--attainment: a share above 0 and up to 1, such as 0.99, not {attainment:g}")
    return Objectives(
        ttft_s,
        ttft_s * 5 if long_ttft_s is None else long_ttft_s,
        tpot_s,
        long_tpot_s or tpot_s,
        class_boundary,
        prompt_rate,
        attainment,
    )


def parse_limits(flag: str, text: str) -> tuple[float, float | None]:
    """Seconds: the limit of short requests, and that of long ones or None. Raises UsageError."""
    parts = text.split(",")
    if len(parts) > 2:
        raise UsageError(f"{flag}: one limit, or two as in 1s,5s (short requests, long ones), not {text!r}")
    short, *long = (parse_duration(flag, part) for part in parts)
    return short, long[0] if long else None


def check_hardware(model: str, gpu: str, tensor_parallel: int | None, profile: Path | None, linear: bool) -> None:
    """Model and GPU come from flags or from a profile, not both. Raises UsageError."""
    if profile is None and not (model and gpu):
        raise UsageError("plan needs --model and --gpu, or a --profile that `tokenlane calibrate` wrote")
    given = [name for name, is_given in _of_data_sheets(model, gpu, tensor_parallel, linear) if is_given]
    if profile is not None and given:
        raise UsageError(f"--profile says what {' and '.join(given)} would: leave out one or the other")


def _of_data_sheets(model: str, gpu: str, tensor_parallel: int | None, linear: bool) -> Iterable[tuple[str, bool]]:
    return (
        ("--model", bool(model)),
        ("--gpu", bool(gpu)),
        ("--tp", tensor_parallel is not None),
        ("--linear", linear),
    )
