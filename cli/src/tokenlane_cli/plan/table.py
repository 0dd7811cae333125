"""A plan on a terminal. Fits 80 columns; wider ones leave room for the options' names."""

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tokenlane_cli.figures import UNKNOWN, count, duration, plain
from tokenlane_cli.plan import amounts, asked, wording
from tokenlane_cli.plan.answer import Answer, best_option, is_best_boundary
from tokenlane_fleet.plan.report import Option, PlanReport

RECOMMENDED = "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}"
_INDENT = (0, 0, 0, 2)


def plan_lines(answer: Answer) -> Iterator[RenderableType]:
    """All that there is to say, the question first and the verdict last, next to the prompt."""
    report = answer.report
    for line in asked.question(report):
        yield Text(line)
    if report.options:
        yield _fleets(report)
    for index in range(len(report.slo)):
        yield Text(asked.class_line(report, index), style="bold")
        yield _seen(report, index) if report.options else Text()
    if report.boundaries:
        yield Text("two fixed lanes by boundary: savings against the tuned pool", style="bold")
        yield _boundaries(report)
    missed = asked.missed_line(report)
    if missed:
        yield Text(missed, style="dim")
        yield Text()
    yield from _chosen(answer)
    yield from _words(report)


def _fleets(report: PlanReport) -> Table:
    table = _table("")
    for header in ("GPUs", "$/h", "GPU-h", "good/s\na GPU", "preempt.\na 1,000", "head-\nroom"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("SLO")
    for option in report.options:
        table.add_row(
            _mark(report, option),
            Text.assemble(plain(option.title), "\n", (wording.detail(option), "dim")),
            count(option.gpus),
            amounts.money(option.cost_per_hour),
            amounts.hours(option.gpu_hours),
            f"{option.goodput_per_gpu:.3g}",
            f"{option.preemptions_per_1000:.3g}",
            wording.headroom(option),
            Text("kept", "green") if option.meets_slo else Text("missed", "red"),
            style=_style(report, option),
        )
    return table


def _seen(report: PlanReport, index: int) -> Table:
    """One class: a row an option."""
    table = _table("")
    for header in ("kept", "TTFT P50", "TTFT P99", "TPOT P50", "TPOT P99"):
        table.add_column(header, justify="right", no_wrap=True)
    for option in report.options:
        figures = wording.class_of(option, report.slo[index].class_name)
        if figures is None or not figures.requests:
            table.add_row(_mark(report, option), Text(plain(option.title)), *[UNKNOWN] * 5)
            continue
        table.add_row(
            _mark(report, option),
            Text(plain(option.title)),
            Text(amounts.percent(figures.attainment), "" if figures.attainment >= report.attainment else "red"),
            duration(figures.ttft_p50_s),
            duration(figures.ttft_p99_s),
            duration(figures.tpot_p50_s),
            duration(figures.tpot_p99_s),
            style=_style(report, option),
        )
    return table


def _boundaries(report: PlanReport) -> Table:
    table = _table()
    for header in wording.BOUNDARY_HEADERS:
        table.add_column("\n".join(header.split()), justify="right", no_wrap=True)
    for point in report.boundaries:
        best = is_best_boundary(report, point)
        table.add_row(RECOMMENDED if best else "", *wording.boundary_cells(point), style="bold" if best else "")
    return table


def _chosen(answer: Answer) -> Iterator[RenderableType]:
    best = best_option(answer.report)
    if best is None:
        return
    yield Text(f"{RECOMMENDED} {plain(best.title)}", style="bold")
    yield Padding(Text(plain(best.dispatch)), _INDENT)
    for pool in best.pools:
        yield Padding(Text(wording.lane_line(answer.report, pool)), _INDENT)
        yield Padding(Text(wording.serve_command(answer, pool), style="cyan", overflow="fold"), (0, 0, 0, 4))
    yield Text()


def _words(report: PlanReport) -> Iterator[RenderableType]:
    for number, sentence in enumerate(report.verdict):
        yield Text(plain(sentence), style="" if number else "bold")
    for warning in report.warnings:
        yield Text(f"note: {plain(warning)}", style="yellow")
    yield Text(asked.simulated(report), style="dim")


def _table(*columns: str) -> Table:
    """The first column is for the mark."""
    table = Table("", *columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.columns[0].width = 1
    return table


def _mark(report: PlanReport, option: Option) -> str:
    return RECOMMENDED if option.key == report.best else ""


def _style(report: PlanReport, option: Option) -> str:
    return "bold" if option.key == report.best else ""
