"""A report on a terminal. Fits 80 columns."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from tokenlane_cli.figures import count, plain
from tokenlane_cli.plan.amounts import span
from tokenlane_cli.tune import table_traffic as shown
from tokenlane_cli.tune.report import Counted, Report
from tokenlane_cli.tune.table_advice import advice_lines, comparison_lines
from tokenlane_cli.tune.table_parts import titled

_DAY_S = 86_400


def report_lines(report: Report) -> Iterator[RenderableType]:
    """All that there is to say: what was, then what should be, the verdict last, next to the prompt."""
    found = report.counted
    yield Text.assemble((plain(found.model), "bold"), f": {count(found.requests)} requests, {plain(report.source)}")
    yield Text(_when(found), style="dim")
    yield from titled("by day, UTC", shown.days(found))
    yield Text(f"requests by hour of the day: 0 {shown.bars(found.hours)} 23, at most {shown.most(found.hours)}")
    yield Text()
    yield from titled("tokens of a request", shown.lengths(found))
    if found.routes:
        yield from titled(shown.routes_title(found), shown.routes(found))
    yield from titled(f"lanes (boundaries: {plain(found.boundaries_from)})", shown.lanes(found))
    yield from titled("what went wrong in them", shown.mistakes(found))
    if report.advice is not None:
        yield from advice_lines(report.advice, report.engine)
    if report.comparison is not None:
        yield from comparison_lines(report.comparison)
    for number, sentence in enumerate(report.verdict):
        yield Text(plain(sentence), style="" if number else "bold")
    for note in report.notes:
        yield Text(f"note: {plain(note)}", style="yellow")


def _when(found: Counted) -> str:
    first, last = (
        datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M") for at in (found.from_ms, found.to_ms)
    )
    seconds = (found.to_ms - found.from_ms) / 1000
    return f"{first} to {last} UTC, {span(seconds) if seconds < 2 * _DAY_S else f'{seconds / _DAY_S:.1f} days'}"
