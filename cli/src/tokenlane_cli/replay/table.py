"""The table of a replay: a column for each lane, so that it fits a narrow terminal."""

from collections.abc import Callable, Sequence

from rich.table import Table
from rich.text import Text

from tokenlane_cli.figures import count, duration
from tokenlane_cli.replay.report import LaneReport

SIMULATED = "SIMULATED ENGINE: step times are modelled"

_ROWS: tuple[tuple[str, Callable[[LaneReport], str]], ...] = (
    ("requests", lambda r: count(r.requests)),
    ("prompt tokens", lambda r: count(r.prompt_tokens)),
    ("output tokens", lambda r: count(r.output_tokens)),
    ("time to first token P50", lambda r: duration(r.ttft.p50)),
    ("time to first token P99", lambda r: duration(r.ttft.p99)),
    ("time per output token P50", lambda r: duration(r.tpot.p50)),
    ("time per output token P99", lambda r: duration(r.tpot.p99)),
    ("end to end P50", lambda r: duration(r.e2e.p50)),
    ("end to end P99", lambda r: duration(r.e2e.p99)),
    ("queue wait P50", lambda r: duration(r.queue.p50)),
    ("queue wait P99", lambda r: duration(r.queue.p99)),
    ("preemptions", lambda r: count(r.preemptions)),
    ("failures", lambda r: count(sum(r.failures.values()))),
)
_ENDS_SECTION = {"output tokens", "queue wait P99"}


def replay_table(reports: Sequence[LaneReport], simulated: bool) -> Table:
    """The reports side by side."""
    table = Table(caption=SIMULATED if simulated else None, caption_style="bold yellow")
    table.add_column("")
    for report in reports:
        table.add_column(report.lane, justify="right", no_wrap=True, min_width=8)
    for name, cell in _ROWS:
        table.add_row(name, *(cell(report) for report in reports), end_section=name in _ENDS_SECTION)
    return table


def failure_lines(total: LaneReport) -> list[Text]:
    """Why requests failed, most frequent first."""
    return [Text(f"  {number} times: {reason}", style="red") for reason, number in total.failures.items()]
