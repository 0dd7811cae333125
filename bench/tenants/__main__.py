"""How tenants share: a flood or batch of one, shares of those that wait, clients that come again as told, and the cost.

    python -m bench.tenants [flood batch shares returning cost] [--tenants 2 50 1000] [--seconds 60] [--load 0.8]

Real processes on a real broker: a classifier that dispatches, two workers. Engines are simulated: vLLM's scheduling
with step times of an 8B model on an H100 by its data sheet, at speeds that this machine keeps up with; for the cost,
engines that take no time. Everything, clients included, shares the machine's cores. Each figure is against one of the
same run.
"""

import argparse

import uvloop
from rich.console import Console
from rich.table import Table

from bench.tenants import cost, flood, returning, shares

_ALL = ("flood", "batch", "shares", "returning", "cost")


def main() -> None:
    """Run what was asked for, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=_ALL, help=" ".join(_ALL))
    parser.add_argument("--tenants", type=int, nargs="+", default=[2, 50, 1000])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--load", type=float, default=0.8, help="part of its share that a tenant asks for by itself")
    arguments = parser.parse_args()
    if unknown := set(arguments.what) - set(_ALL):
        parser.error(f"what is {', '.join(unknown)}?")
    table = Table(title="How tenants share (engines simulated)")
    for column in ("tenants", "what", "figure", "bar", "", "more"):
        table.add_column(column, justify="right" if column in ("tenants", "figure", "bar") else "left")
    for count in arguments.tenants:
        for batch in (False, True):
            if ("batch" if batch else "flood") in arguments.what and count > 1:
                _flood(table, uvloop.run(flood.flood(count, arguments.load, arguments.seconds, batch)))
        if "shares" in arguments.what and count > 1:
            _shares(table, uvloop.run(shares.shares(count, arguments.seconds)))
        if "returning" in arguments.what:
            _returning(table, uvloop.run(returning.returning(count, arguments.seconds / 3)))
        if "cost" in arguments.what:
            for waits in (False, True):
                _cost(table, uvloop.run(cost.cost(count, waits)))
    Console(width=160).print(table)


def _flood(table: Table, found: flood.Flood) -> None:
    calm, beside = (
        [1e3 * flood.quantile(each, part) for part in (0.5, 0.99)] for each in (found.calm_s, found.beside_s)
    )
    more = (
        f"P99 {calm[1]:,.0f} → {beside[1]:,.0f} ms, P50 {calm[0]:,.0f} → {beside[0]:,.0f} ms; "
        f"{len(found.calm_s):,} requests of others, {found.flood:,} of one; "
        f"{found.served:.0f}/s served of {found.capacity:.0f}/s, "
        f"sent {1e3 * found.late_s:.0f} ms late at most"
    )
    one = "batch" if found.batch else "a flood"
    what = f"others' P99 to the first token beside {one} of one, to without (load {found.load})"
    ratio, bar = found.ratio, flood.BATCH_BAR if found.batch else flood.BAR
    _row(table, found.tenants, what, f"{ratio:.2f}", f"{bar:.2f}", ratio <= bar, more)


def _shares(table: Table, found: shares.Shares) -> None:
    _row(
        table,
        found.tenants,
        "served to who waits, most from its weight",
        f"{found.work:.1%}",
        f"{shares.BAR:.0%}",
        found.work < shares.BAR,
        f"in any {found.window_s:.0f} s; {found.tokens:.1%} where output counts once; {found.least} requests of each"
        f" at least, {found.rate:.0f}/s",
    )


def _returning(table: Table, found: returning.Returning) -> None:
    more = (
        f"{found.came:,} of {found.sent:,} came again, {found.most} tries at most, settled in {found.settled_s:.0f} s, "
        f"{found.failed} failed, {found.capacity:.0f}/s, sent {1e3 * found.late_s:.0f} ms late at most"
    )
    ratio, bar = found.accepted, returning.ACCEPTED_BAR
    _row(table, found.tenants, "let in when they come as told", f"{ratio:.1%}", f"{bar:.0%}", ratio > bar, more)
    idle, bar = found.idle, returning.IDLE_BAR
    what = "engines without a request until 95 % were let in"
    _row(
        table, found.tenants, what, f"{idle:.1%}", f"{bar:.0%}", idle < bar, f"until all were: {found.idle_to_end:.1%}"
    )


def _cost(table: Table, found: cost.Cost) -> None:
    alone, together = found.classifier_us
    _row(
        table,
        found.tenants,
        f"requests/s with limits and weights, to one tenant's without, {'after a wait' if found.waits else 'at once'}",
        f"{found.ratio:.2f}",
        f"{cost.BAR:.2f}",
        found.ratio > cost.BAR,
        f"{found.alone:,.0f} → {found.together:,.0f}/s; classifier {alone:.0f} → {together:.0f} µs a request",
    )


def _row(table: Table, tenants: int, what: str, figure: str, bar: str, kept: bool, more: str) -> None:
    table.add_row(f"{tenants:,}", what, figure, bar, "kept" if kept else "missed", more)


if __name__ == "__main__":
    main()
