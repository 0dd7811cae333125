"""What was measured beside what the fit says."""

from collections.abc import Iterator

from rich.table import Table

from tokenlane_cli.calibrate.outcome import Outcome
from tokenlane_cli.calibrate.profile_file import Point
from tokenlane_fleet import StepCost


def points_table(outcome: Outcome) -> Table:
    table = Table("measured", "times", "seconds", "fitted", "off by")
    for column in table.columns[1:]:
        column.justify = "right"
    for point in outcome.points:
        off = point.fitted_s / point.seconds - 1
        table.add_row(_name(point), str(point.times), _ms(point.seconds), _ms(point.fitted_s), f"{off:+.1%}")
    return table


def summary(outcome: Outcome) -> Iterator[str]:
    """Lines of plain text: the terms, the residuals, and a warning where they are poor."""
    yield from _terms(outcome.fitted.cost)
    yield f"a request beside the engine's steps: {_ms(outcome.fitted.request_s)}"
    residuals = outcome.fitted.residuals
    yield (
        f"residuals over {residuals.samples} points: median {residuals.median:.1%}, P95 {residuals.p95:.1%}, "
        f"R² {residuals.r_squared:.4f}"
    )
    if outcome.is_poor:
        yield (
            "warning: the fit is poor, and so will be a plan on it; measure longer, on an engine that serves nothing "
            "else, and name its --max-num-batched-tokens"
        )


def _terms(cost: StepCost) -> Iterator[str]:
    yield (
        f"a step: {_ms(cost.overhead_s)} + the longer of {_ms(cost.weights_s)} and {_us(cost.per_token_s)} a token "
        f"+ {_us(cost.per_sequence_s)} a sequence + {_us(cost.per_context_token_s)} a context token "
        f"+ {_us(cost.per_attention_pair_s)} an attention pair"
    )


def _name(point: Point) -> str:
    if point.kind == "prefill":
        return f"first token of {point.context:,}"
    return f"step of {point.streams} on {point.context:,} each"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f} ms"


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} µs"
