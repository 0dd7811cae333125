"""A plan with what its readers need beside it. Plain values."""

from dataclasses import dataclass

from tokenlane_fleet.plan.report import BoundaryPoint, Option, PlanReport


@dataclass(frozen=True, slots=True)
class Answer:
    """`serve_model`: what `vllm serve` loads. `ttft_limits_s`: each class's least limit. `command` repeats the plan."""

    report: PlanReport
    serve_model: str
    ttft_limits_s: tuple[float, ...]
    command: str


def best_option(report: PlanReport) -> Option | None:
    """The recommended one."""
    return next((option for option in report.options if option.key == report.best), None)


def single_pool(report: PlanReport) -> Option | None:
    """The tuned single pool that lanes are compared with: the better of those behind a queue and behind a router."""
    pools = [option for option in report.options if option.key in ("one", "one-push")]
    return min(pools, key=lambda of: (not of.meets_slo, of.gpus, -of.headroom), default=None)


def is_best_boundary(report: PlanReport, point: BoundaryPoint) -> bool:
    """Whether the option with two lanes has this boundary."""
    two = next((option for option in report.options if option.key == "two"), None)
    return two is not None and two.pools[0].up_to_tokens == point.up_to_tokens
