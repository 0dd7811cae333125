"""What the traffic was, as tables."""

from rich.table import Table
from rich.text import Text

from tokenlane_cli.figures import UNKNOWN, count, duration, plain
from tokenlane_cli.plan.amounts import percent
from tokenlane_cli.tune.report import Counted
from tokenlane_cli.tune.table_parts import shortened, table_of

_BARS = "▁▂▃▄▅▆▇█"
# That API has no system prompts.
_NO_SYSTEM = {"completions": "compl."}
_HASH_DIGITS = 6


def days(found: Counted) -> Table:
    table = table_of("day", "requests", "prompt tokens", "output tokens", "busiest hour")
    for day in found.days[-14:]:
        table.add_row(
            day.date,
            count(day.requests),
            count(day.prompt_tokens),
            count(day.output_tokens),
            f"{day.busiest_hour:02}:00, {count(day.busiest_requests)}",
        )
    return table


def bars(hours: tuple[float, ...]) -> str:
    most = max(hours) or 1.0
    return "".join(_BARS[min(len(_BARS) - 1, int(hour / most * len(_BARS)))] if hour else " " for hour in hours)


def most(hours: tuple[float, ...]) -> str:
    return f"{max(hours):,.0f}"


def lengths(found: Counted) -> Table:
    table = table_of("", "mean", "P50", "P90", "P99", "longest")
    for each in found.lengths:
        figures = (round(each.mean), each.p50, each.p90, each.p99, each.longest)
        table.add_row(each.name, *(count(figure) for figure in figures))
    return table


def routes_title(found: Counted) -> str:
    left = found.routes_left + found.routes_folded
    more = f"; {count(left)} more routes" if left else ""
    coverage = "" if found.coverage is None else f"; budgets held {percent(found.coverage)} of all outputs"
    return f"output by route{coverage}{more}"


def routes(found: Counted) -> Table:
    table = table_of("tenant", "system", "tools", "requests", "P50", "P90", "P99", "budget", "held")
    for column in table.columns[1:3]:
        column.justify = "left"
    for route in found.routes:
        table.add_row(
            shortened(route.tenant),
            Text(plain(route.system[:_HASH_DIGITS]) or _NO_SYSTEM.get(route.endpoint, UNKNOWN)),
            Text(plain(route.tools[:_HASH_DIGITS]) or UNKNOWN),
            count(route.requests),
            count(route.p50),
            count(route.p90),
            count(route.p99),
            UNKNOWN if route.budget is None else count(round(route.budget)),
            UNKNOWN if route.coverage is None else f"{route.coverage:.0%}",
        )
    return table


def lanes(found: Counted) -> Table:
    table = table_of("lane", "up to", "workers", "requests", "waited\nP50", "\nP99", "first token\nP50", "\nP99")
    for lane in found.lanes:
        table.add_row(
            shortened(lane.name),
            UNKNOWN if lane.up_to_tokens is None else count(lane.up_to_tokens),
            count(lane.workers),
            count(lane.requests),
            duration(lane.wait_p50_s),
            duration(lane.wait_p99_s),
            duration(lane.first_p50_s),
            duration(lane.first_p99_s),
        )
    return table


def mistakes(found: Counted) -> Table:
    headers = (
        "too\nlong",
        "too\nshort",
        "mis-\nrouted",
        "moved\nhere",
        "run by\nothers",
        "pre-\nempted",
        "budget\nused",
    )
    table = table_of("lane", *headers)
    for lane in found.lanes:
        misrouted = (lane.too_long + lane.too_short) / lane.requests if lane.requests else None
        table.add_row(
            shortened(lane.name),
            count(lane.too_long),
            count(lane.too_short),
            UNKNOWN if misrouted is None else percent(misrouted),
            count(lane.moved),
            count(lane.taken),
            count(lane.preemptions),
            UNKNOWN if lane.kv_use is None else f"{lane.kv_use:.0%}",
        )
    return table
