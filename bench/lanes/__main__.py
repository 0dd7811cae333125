"""Real vLLM on this machine's processor, 160 short and 40 long requests at once: two engines behind round robin against
the same two behind tokenlane, as a short and a long worker.

    python -m bench.lanes [--rounds 7] [--seed 300] [--simulated] [--set KV_OVERCOMMIT=1.2]

Needs `make engine`, unless engines are simulated. Times are engine steps, which other work on the machine changes
little. An answer is stamped with the steps that its engine had made when it was there. Without lanes and with them all
requests are sent at once while engines are held, and then engines keep step with each other (`pacing`).
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench.lanes.figures import Bar, Figures, bars, figures_of, medians
from bench.lanes.filling import Fill, fill, p50_p99, undisturbed
from bench.lanes.round_robin import round_robin
from bench.lanes.with_lanes import with_lanes

# Nothing was tuned on these mixes.
_FIRST_SEED = 300
# A place is filled so soon after work arrived. Unit: seconds.
_FILLED_S = 0.002
# With whether it is asked for that soon.
_FILLED = (
    ("after publishing", True),
    ("after an end, by what waits in the lane", True),
    ("after an end, by what the dispatcher holds", False),
)
_ROWS = (
    ("short done, P50, steps", "short_p50", ",.0f"),
    ("short done, P95, steps", "short_p95", ",.0f"),
    ("long done, P50, steps", "long_p50", ",.0f"),
    ("long done, P95, steps", "long_p95", ",.0f"),
    ("preemptions", "preemptions", ",.0f"),
    ("steps to the end, most of an engine", "end", ",.0f"),
    ("steps to the end, both engines", "total", ",.0f"),
    ("run by the other lane's engine", "taken", ",.0f"),
    ("sequences a step", "sequences", ".1f"),
    ("KV cache in use", "kv_usage", ".0%"),
    ("seconds in the engine's own queue, mean", "queued_s", ".3f"),
    ("seconds to the end, for information", "seconds", ".1f"),
)


def _table(without: list[Figures], lanes: list[Figures]) -> Table:
    table = Table(title="160 short and 40 long requests at once, two engines; medians of the rounds")
    for column in ("", "round robin", "each", "lanes", "each"):
        table.add_column(column, justify="left" if not column else "right")
    for label, name, form in _ROWS:
        cells = []
        for rounds in (without, lanes):
            values = [getattr(each, name) for each in (medians(rounds), *rounds)]
            middle, *each = [format(value, form) if value is not None else "-" for value in values]
            cells += [middle, " ".join(each)]
        table.add_row(label, *cells)
    return table


def _judged(bar: Bar) -> str:
    return f"{'kept    ' if bar.kept else 'not kept'}  {bar.words}: {bar.value:,.3g} (bar: {bar.limit:,.3g})"


def _settings(pairs: list[str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs)


def _without(seeds: range, simulated: bool, known: Path | None) -> list[Figures]:
    if known is not None and known.exists():
        return [Figures(**each) for each in json.loads(known.read_text())]
    found = [figures_of(each) for each in uvloop.run(round_robin(seeds, simulated))]
    if known is not None:
        known.write_text(json.dumps([asdict(each) for each in found]))
    return found


async def _filled(console: Console, count: int) -> None:
    for (words, asked), fills in zip(_FILLED, await fill(count), strict=True):
        kept = "kept" if p50_p99(fills)[1] <= _FILLED_S else "not kept"
        bar = f"P99 bar: {_FILLED_S * 1e3:.0f} ms" if asked else "no bar"
        console.print(
            f"{kept if asked else '':8}  a free place is filled {words}: {_times(fills)} ({bar}); "
            f"while nothing waited for a processor {_times(undisturbed(fills))}"
        )


def _times(fills: list[Fill]) -> str:
    if not fills:
        return "none"
    p50, p99 = p50_p99(fills)
    return f"P50 {p50 * 1e3:.2f} ms, P99 {p99 * 1e3:.2f} ms of {len(fills)}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulated", action="store_true", help="engines without a model that make vLLM's steps")
    parser.add_argument("--rounds", type=int, default=7, help="mixes, each with other lengths in another order")
    parser.add_argument("--seed", type=int, default=_FIRST_SEED, help="of the first mix")
    parser.add_argument("--fills", type=int, default=500, help="places to fill; 0 leaves that out")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the workers")
    parser.add_argument("--without", type=Path, help="file to keep round robin's figures in, or to take them from")
    arguments = parser.parse_args()
    console = Console(width=120)
    if arguments.rounds:
        seeds = range(arguments.seed, arguments.seed + arguments.rounds)
        without = _without(seeds, arguments.simulated, arguments.without)
        settings = _settings(arguments.set)
        lanes = [figures_of(each) for each in uvloop.run(with_lanes(seeds, settings, arguments.simulated))]
        console.print(_table(without, lanes))
        for bar in bars(without, lanes):
            console.print(_judged(bar))
    if arguments.fills:
        uvloop.run(_filled(console, arguments.fills))


if __name__ == "__main__":
    main()
