"""What is recommended, and what it brings in the simulation, on a terminal. Fits 80 columns."""

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tokenlane_cli.figures import UNKNOWN, count, duration, plain
from tokenlane_cli.plan.amounts import percent
from tokenlane_cli.tune.compare_values import Comparison, Outcome
from tokenlane_cli.tune.report import Advice, CurvePoint, LaneAdvice
from tokenlane_cli.tune.table_parts import table_of

_MOST_POINTS = 12


def advice_lines(advice: Advice, engine: str) -> Iterator[RenderableType]:
    """The lanes that should be, why, and their engines' settings."""
    if advice.curve:
        yield Text("boundaries: what a lane up to there would take", style="bold")
        yield Padding(_curve(advice), (0, 0, 0, 1))
        yield Text("* expected time to first token, by arithmetic alone", style="dim")
        yield Text()
    yield Text(f"recommended: {division(advice)}", style="bold")
    yield Padding(Text(plain(advice.reason)), (0, 0, 1, 2))
    if any(lane.engine for lane in advice.lanes):
        yield Text(f"engine settings for {plain(engine)}", style="bold")
        if not advice.new_engines:
            yield Padding(Text("in the simulation no better than those that there are: leave those"), (0, 0, 0, 2))
    for lane in advice.lanes:
        if lane.engine is not None:
            yield Padding(_engine(lane), (0, 0, 0, 1))


def division(advice: Advice) -> str:
    """short up to 1,024 tokens, long above."""
    if len(advice.lanes) == 1:
        return f"one lane, {plain(advice.lanes[0].name)}, for everything"
    bounded = [f"{plain(lane.name)} up to {count(lane.up_to_tokens)} tokens" for lane in advice.lanes[:-1]]
    return f"{', '.join(bounded)}, {plain(advice.lanes[-1].name)} above"


def _curve(advice: Advice) -> Table:
    table = table_of("boundary", "requests", "tokens", "fullest lane", "short P99*")
    for point in _thinned(advice.curve, advice.lanes[0].up_to_tokens):
        chosen = point.boundary == advice.lanes[0].up_to_tokens
        table.add_row(
            count(point.boundary),
            percent(point.requests),
            percent(point.work),
            f"{point.utilisation:.0%}",
            UNKNOWN if point.short_ttft_s is None else duration(point.short_ttft_s),
            style="bold" if chosen else "",
        )
    return table


def _thinned(curve: tuple[CurvePoint, ...], chosen: int | None) -> list[CurvePoint]:
    every = -(-len(curve) // _MOST_POINTS)
    return [point for number, point in enumerate(curve) if number % every == 0 or point.boundary == chosen]


def _engine(lane: LaneAdvice) -> Table:
    assert lane.engine is not None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(Text(plain(lane.name)), no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column(f"{percent(lane.requests)} of requests")
    for reason in lane.engine.reasons:
        table.add_row(reason.setting, reason.value, reason.why)
    if lane.kv_why:
        value = UNKNOWN if lane.kv_overcommit is None else f"{lane.kv_overcommit:g}"
        table.add_row("KV over-commitment", value, lane.kv_why)
    return table


def comparison_lines(comparison: Comparison) -> Iterator[RenderableType]:
    """Now and then."""
    yield Text(f"simulated on the busiest {count(comparison.requests)} requests", style="bold")
    table = table_of("", "replicas", "short TTFT\nP50", "\nP99", "long TTFT\nP99", "TPOT\nP99", "preempt.")
    table.columns[0].no_wrap = False
    for outcome in _outcomes(comparison):
        table.add_row(
            Text(plain(outcome.title)),
            " + ".join(count(replicas) for replicas in outcome.replicas),
            duration(outcome.short_ttft_p50_s),
            duration(outcome.short_ttft_p99_s),
            duration(outcome.long_ttft_p99_s or None),
            duration(outcome.tpot_p99_s),
            count(outcome.preemptions),
            style="bold" if outcome.title == comparison.chosen else "",
        )
    yield Padding(table, (0, 0, 0, 1))


def _outcomes(comparison: Comparison) -> Iterator[Outcome]:
    yield comparison.now
    yield from comparison.with_same
    if comparison.fewest is not None:
        yield comparison.fewest
