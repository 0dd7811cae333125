"""vllm-sr-sim beside it: the same lengths, the same question, the same step-time constants; sizes and wall time.

    python -m bench.fleet.peer --azure TRACE.csv --lmsys CDF.json --agents CDF.json --peer-python VENV/bin/python

How many A100 "GPUs" (instances) at so many requests/s for a P99 time to first token, with one pool of 64K x 16 and with
8K x 128 beside it? Both get a distribution of totals, 20 % of each as output (the peer's assumption), Poisson arrivals
and as many requests. The peer answers by its optimizer (a queueing formula, checked by a simulation of slots), by the
fewest GPUs that pass this check, and with its simulation of instances; ours by the fewest instances in a simulation of
engine steps. One after the other on one core; the peer's imports and our compilation are counted apart.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.fleet import arguments
from bench.fleet.engines import BOUNDARY, LONG_CONTEXT
from bench.fleet.markdown import seconds, table
from bench.fleet.peer_ours import answer, compiled
from bench.fleet.peer_question import Question, asked, distribution_of

Figures = dict[str, Any]
# Their long requests take thousands of instances at 1,000 requests a second.
AGENTS_FEWER = 5


def _options() -> argparse.Namespace:
    parser = arguments.parser(__doc__, "azure", "lmsys", "agents", "peer-python")
    parser.add_argument("--rate", type=float, default=1000, help="requests a second; a fifth of it for agents")
    parser.add_argument("--slo", default="0.5", help="seconds to the first token, by commas")
    parser.add_argument("--requests", type=int, default=40_000, help="after a fifth as many for warming up")
    parser.add_argument("--instance-requests", type=int, default=10_000, help="of the peer's simulation of instances")
    return parser.parse_args()


def _pools(sizes: list[int | None]) -> str:
    return " + ".join("none" if size is None else str(size) for size in sizes if size != 0)


def _sizes(name: str, question: Question, peer: Figures, ours: Figures) -> list[list[str]]:
    rows = []
    for key, pools in (("one", "one pool"), ("two", "two pools")):
        theirs, mine = peer[key], ours[key]
        rows.append(
            [
                f"{name}, {question.rate:g}/s, {question.slo_s:g} s, {pools}",
                _pools(theirs["analytical"]),
                _pools(theirs["searched"]),
                _pools(mine["searched"]),
                " / ".join(seconds(value / 1e3) for value in theirs["check_p99_ms"] if value),
                " / ".join("-" if value is None else seconds(value) for value in mine["ttft_p99_s"]),
            ]
        )
    return rows


def _times(name: str, question: Question, peer: Figures, ours: Figures) -> list[list[str]]:
    rows = []
    for key, pools in (("one", "one pool"), ("two", "two pools")):
        theirs, mine = peer[key], ours[key]
        rows.append(
            [
                f"{name}, {question.rate:g}/s, {question.slo_s:g} s, {pools}",
                seconds(theirs["analytical_s"] + theirs["check_s"]),
                f"{seconds(theirs['search_s'])} ({theirs['searched_simulations']})",
                f"{seconds(mine['search_s'])} ({mine['simulations']})",
                f"{theirs['searched_requests'] / theirs['search_s']:,.0f}",
                f"{mine['requests'] / mine['search_s']:,.0f}",
            ]
        )
    return rows


def _instances(name: str, question: Question, peer: Figures) -> list[list[str]]:
    return [
        [
            f"{name}, {of['gpus']} GPUs",
            f"{of['ttft_p99_ms']:.0f} ms",
            f"{of['utilisation']:.1%}",
            f"{of['requests'] / of['seconds']:,.0f}",
        ]
        for of in peer["instances"]
    ]


def _print(found: list[tuple[str, Question, Figures, Figures]], compile_s: float) -> None:
    peer_of = found[0][2]
    print(f"vllm-sr-sim {peer_of['version']}; its imports took {seconds(peer_of['import_s'])}, ")
    print(f"our compilation (or loading it from the cache) {seconds(compile_s)}\n")
    sizes = ("question", "peer, formula", "peer, fewest", "ours, fewest", "P99 TTFT, peer's check", "P99 TTFT, ours")
    table("GPUs (instances), short + long", sizes, [row for of in found for row in _sizes(*of)])
    wall = ("peer, formula and check", "peer, fewest", "ours, fewest", "peer, requests/s", "ours, requests/s")
    table(
        "Wall time (simulations), simulated requests a second",
        ("question", *wall),
        [row for of in found for row in _times(*of)],
    )
    columns = ("fleet", "P99 TTFT", "utilisation", "requests/s")
    rows = [row for name, question, peer, _ in found for row in _instances(name, question, peer)]
    table("The peer's simulation of instances, one pool", columns, rows)


def main() -> None:
    """Command line."""
    options = _options()
    compile_s = compiled()
    found = []
    for name in ("azure", "lmsys", "agents"):
        lengths = distribution_of(getattr(options, name))
        for slo_s in options.slo.split(","):
            question = Question(
                cdf=lengths.points,
                rate=options.rate / (AGENTS_FEWER if name == "agents" else 1),
                slo_s=float(slo_s),
                boundary=BOUNDARY,
                long_context=LONG_CONTEXT,
                requests=options.requests,
                instance_requests=options.instance_requests,
            )
            arguments.progress(f"{name}, {slo_s} s: peer")
            peer = asked(options.peer_python, question)
            arguments.progress(f"{name}, {slo_s} s: ours")
            found.append((name, question, peer, answer(question, options.seed)))
    _print(found, compile_s)
    if options.json:
        _write(options.json, found, compile_s)


def _write(path: Path, found: list[tuple[str, Question, Figures, Figures]], compile_s: float) -> None:
    rows = [
        {"name": name, "question": asdict(question), "peer": peer, "ours": ours} for name, question, peer, ours in found
    ]
    path.write_text(json.dumps({"compile_s": compile_s, "questions": rows}, indent=2))


if __name__ == "__main__":
    arguments.run(main)
