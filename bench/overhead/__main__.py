"""Measure the whole way (door, bus, classifier, bus, worker, back) against the upstream asked directly.

    python -m bench.overhead [--requests 2000] [--pause 0.05]

One at a time the two are asked in alternation, so that a drift of the machine's speed falls on both. CPU is what the
operating system accounts to each process.
"""

import argparse
import asyncio
import json
import statistics
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench.overhead.load import BODY, PACED_BODY, STREAMED_BODY, Client, Timing, closed_loop
from bench.overhead.stack import Stack


def _ms(values: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values, n=100)
    return statistics.median(values) * 1e3, cuts[98] * 1e3


async def _alternate(direct: Client, through: Client, count: int, pause_s: float) -> tuple[list[Timing], list[Timing]]:
    direct_timings: list[Timing] = []
    through_timings: list[Timing] = []
    for _ in range(count):
        for client, timings in ((direct, direct_timings), (through, through_timings)):
            await asyncio.sleep(pause_s)
            timings.append(await client.ask())
    return direct_timings, through_timings


async def _measure(stack: Stack, requests: int, pause_s: float) -> dict[str, float]:
    figures: dict[str, float] = {}
    # A paced stream takes 64 ms, so it is asked less often.
    for name, body, first_byte, count in (
        ("plain", BODY, False, requests),
        ("stream", STREAMED_BODY, True, requests),
        ("paced", PACED_BODY, True, requests // 10),
    ):
        direct, through = Client(stack.upstream_url, body=body), Client(stack.url, stack.key, body)
        await _alternate(direct, through, count // 10, pause_s)
        pairs = await _alternate(direct, through, count, pause_s)
        for where, timings in zip(("direct", "through"), pairs, strict=True):
            picked = [timing.first_byte if first_byte else timing.end for timing in timings]
            figures[f"{name}_{where}_p50_ms"], figures[f"{name}_{where}_p99_ms"] = _ms(picked)
        figures[f"{name}_added_p50_ms"] = figures[f"{name}_through_p50_ms"] - figures[f"{name}_direct_p50_ms"]
        await closed_loop(through.ask, 64, count)
        before = stack.cpu_seconds()
        seconds, _ = await closed_loop(through.ask, 64, 5 * count)
        spent = {who: after - before[who] for who, after in stack.cpu_seconds().items()}
        figures[f"{name}_per_s"] = 5 * count / seconds
        for who, used in spent.items():
            figures[f"{name}_cpu_ms_{who}"] = used / (5 * count) * 1e3
        figures[f"{name}_cpu_ms"] = sum(used for who, used in spent.items() if who != "upstream") / (5 * count) * 1e3
        direct.close()
        through.close()
    return figures


def _print(figures: dict[str, float]) -> None:
    table = Table(title="The way over the bus, against the same upstream asked directly")
    for column in ("", "not streamed", "32-token stream", "2 ms a step"):
        table.add_column(column, justify="left" if not column else "right")
    rows = (
        ("direct P50 / P99 [ms]", "{0}_direct_p50_ms", "{0}_direct_p99_ms"),
        ("through P50 / P99 [ms]", "{0}_through_p50_ms", "{0}_through_p99_ms"),
        ("added at the median [ms]", "{0}_added_p50_ms", None),
        ("requests/s, 64 concurrent", "{0}_per_s", None),
        ("CPU a request, all processes [ms]", "{0}_cpu_ms", None),
        *(
            (f"  {who}", "{0}_cpu_ms_" + who, None)
            for who in ("ingress", "classifier", "worker-short", "nats", "upstream")
        ),
    )
    for label, first, second in rows:
        cells = []
        for name in ("plain", "stream", "paced"):
            value = figures[first.format(name)]
            text = f"{value:,.0f}" if value > 100 else f"{value:.3f}"
            cells.append(text if second is None else f"{text} / {figures[second.format(name)]:.3f}")
        table.add_row(label, *cells)
    table.caption = (
        "One at a time: time to the end (not streamed), to the first byte (stream). Load generator beside it."
    )
    Console().print(table)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--pause", type=float, default=0, help="seconds before each request asked one at a time")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with Stack() as stack:
        figures = uvloop.run(_measure(stack, arguments.requests, arguments.pause))
    _print(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
