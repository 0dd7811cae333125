"""Output estimates on traces: loss and coverage of the budget's quantile, and whether the lane is the right one.

    python -m bench.estimators TRACE.csv [TRACE ...] [--made] [--learn finished] [--json FILE]

A request is learned from when the next one arrives, or with `--learn finished` when it would have ended.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.estimators import hindsight, replay
from bench.estimators.contenders import CONTENDERS, Estimator
from bench.estimators.made import made
from bench.estimators.requests import Asked, Traffic, read
from bench.estimators.scoring import BOUNDARIES, WINDOW, Score
from bench.fleet.arguments import existing, progress, run
from bench.fleet.markdown import table

Replay = Callable[[Sequence[Asked], Estimator], Score]
LEARNING: dict[str, Replay] = {"arrived": replay.arrived, "finished": replay.finished}
COLUMNS = (
    "estimator", "pinball", "coverage", f"of {WINDOW:,}", "reserved", *(f"lane at {edge:,}" for edge in BOUNDARIES),
)  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.estimators", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("traces", nargs="*", type=existing, metavar="TRACE")
    parser.add_argument("--made", action="store_true", help="traffic that is made up, too")
    parser.add_argument("--learn", choices=LEARNING, default="arrived", help="when a request is learned from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    traffic = [read(path) for path in options.traces] + (made(options.seed) if options.made else [])
    if not traffic:
        parser.error("name a trace, or --made")
    found = {each.name: compare(each, LEARNING[options.learn]) for each in traffic}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1, default=asdict) + "\n")


def compare(traffic: Traffic, in_order: Replay) -> dict[str, dict[str, Score]]:
    """All contenders, in order and on held-out halves. Prints the tables."""
    found: dict[str, dict[str, Score]] = {}
    for title, replayed in (("in order", in_order), ("second half, learned on the first", replay.held_out)):
        scores: dict[str, Score] = {}
        for name, make in CONTENDERS.items():
            progress(f"{traffic.name}, {title}: {name}")
            scores[name] = replayed(traffic.requests, make())
        found[title] = scores
        table(f"{traffic.name}, {title}", COLUMNS, [_row(name, score) for name, score in scores.items()])
    limits = hindsight.agreement(traffic.requests)
    table(
        f"{traffic.name}: lanes in hindsight",
        ("who knows", *(f"lane at {edge:,}" for edge in BOUNDARIES)),
        [(name, *(f"{share[edge]:.2%}" for edge in BOUNDARIES)) for name, share in limits.items()],
    )
    return found


def _row(name: str, score: Score) -> Sequence[str]:
    window = "" if score.worst is None else f"{score.worst[0]:.0%}-{score.worst[1]:.0%}"
    agreement = (f"{score.agreement[edge]:.2%}" for edge in BOUNDARIES)
    return (name, f"{score.pinball:.1f}", f"{score.coverage:.2%}", window, f"{score.reserved:.2f}", *agreement)


if __name__ == "__main__":
    run(main)
