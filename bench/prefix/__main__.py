"""Whether it pays that a worker prefers requests whose system prompt it holds.

    python -m bench.prefix [--replicas 2,8] [--prefixes 1,8,64,512] [--lengths 500,2000,8000] [--loads 0.7,0.85,0.95]

All of it is simulated, with a model of its own that is simpler than the fleet simulator: engines of Llama-3-70B on
4 x H100 in steps (times by the roofline from data sheets, chunked prefill, no preemption), a KV cache that drops what
was not used for longest, a prefix whole, warm at the beginning; system prompts popular by Zipf's law, Poisson arrivals.
Loads are parts of what central pull finishes when all wait. Ratios are against central pull on the same traffic.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict

from bench.fleet import arguments
from bench.fleet.markdown import seconds, table
from bench.prefix.study import RULES, Case, Found, measure

_WHERE = ("replicas, system prompts x tokens", "of one cache")


def _fractions(text: str) -> Sequence[float]:
    return [float(part) for part in text.split(",")]


def _where(found: Found) -> list[str]:
    case = found.case
    return [f"{case.replicas}, {case.prefixes} x {case.length:,}", f"{case.caches:.2f}"]


def _waiting(found: Sequence[Found]) -> None:
    rules = [name for name in found[0].waiting if name != "central"]
    rows = [
        [
            *_where(each),
            f"{each.waiting['central'].hits:.1%}",
            *(f"{each.waiting[rule].hits:.1%}" for rule in rules),
            *(f"{each.waiting[rule].rate / each.waiting['central'].rate:.2f}x" for rule in rules),
        ]
        for each in found
    ]
    hits = ["hits: central", *(f"hits: {rule}" for rule in rules)]
    table("All wait: hits, and requests finished a second", [*_WHERE, *hits, *rules], rows)


def _loaded(found: Sequence[Found], load: float) -> None:
    rules = [name for name in RULES if name != "central"]
    rows = []
    for each in found:
        base = each.loaded[load]["central"]
        others = [each.loaded[load][rule] for rule in rules]
        rows.append(
            [
                *_where(each),
                f"{base.hits:.1%}",
                f"{each.loaded[load]['holder'].hits:.1%}",
                f"{base.kept:.1%}",
                f"{min(other.kept for other in others):.1%}",
                seconds(base.ttft_p50_s),
                seconds(base.ttft_p99_s),
                *(
                    f"{other.ttft_p50_s / base.ttft_p50_s:.2f} / {other.ttft_p99_s / base.ttft_p99_s:.2f}"
                    for other in others
                ),
            ]
        )
    columns = ["hits: central", "hits: holder", "in time: central", "in time: worst other", "TTFT P50", "P99"]
    table(f"{load:.0%} of that: TTFT P50 / P99 against central", [*_WHERE, *columns, *rules], rows)


def main() -> None:
    """Command line."""
    parser = arguments.parser(__doc__)
    parser.add_argument("--replicas", type=arguments.numbers, default=[2, 8])
    parser.add_argument("--prefixes", type=arguments.numbers, default=[1, 8, 64, 512])
    parser.add_argument("--lengths", type=arguments.numbers, default=[500, 2_000, 8_000])
    parser.add_argument("--loads", type=_fractions, default=[0.7, 0.85, 0.95])
    parser.add_argument("--requests", type=int, default=1_500, help="for each replica")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    cases = [
        Case(replicas, prefixes, length, options.requests, options.seed)
        for replicas in options.replicas
        for prefixes in options.prefixes
        for length in options.lengths
    ]
    with ProcessPoolExecutor(options.jobs) as pool:
        found = list(pool.map(measure, cases, [options.loads] * len(cases)))
    _waiting(found)
    for load in options.loads:
        _loaded(found, load)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found]))


if __name__ == "__main__":
    arguments.run(main)
