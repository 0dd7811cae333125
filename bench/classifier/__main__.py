"""`python -m bench.classifier`: the cost of a decision, how soon a replica knows what others know, and requests a
second through one replica and through two.

    python -m bench.classifier [--requests 20000] [--rounds 3] [--only cost|warm|throughput]

Runs take turns, so that what slows the machine down slows all of them. Everything is on this machine's loopback, the
broker's streams are on its disk; classifiers, broker and what stands for the workers share its cores.
"""

import argparse
import asyncio
import logging
import statistics

import structlog
import uvloop

from bench.classifier.cost import costs
from bench.classifier.throughput import Run, measure
from bench.classifier.warm import Warm, warm_start

# Replicas, and how often they share. Hardly ever stands for not sharing.
_KINDS = {
    "one replica, not sharing": (1, 3_600.0),
    "one replica, sharing": (1, 10.0),
    "two replicas, sharing": (2, 10.0),
}
# The shorter the interval, the harder: a run is too short for many of ten seconds.
_HARD = ("two replicas, sharing every second", 2, 1.0)


def main() -> None:
    """Print both tables."""
    arguments = _arguments()
    # The services' log lines are not what is asked for here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    if arguments.only in (None, "cost"):
        for name, microseconds in costs().items():
            print(f"{name:<40} {microseconds:8.1f} µs")
    if arguments.only in (None, "warm"):
        _print_warm(uvloop.run(warm_start()))
    if arguments.only in (None, "throughput"):
        uvloop.run(_throughput(arguments.requests, arguments.rounds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.classifier", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="waiting when the classifiers start")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("cost", "warm", "throughput"))
    return parser.parse_args()


def _print_warm(warm: Warm) -> None:
    print(f"a replica that starts knows all after   {warm.start_s * 1e3:9.0f} ms", end="")
    print(f"  ({warm.stored_bytes / 1e6:.1f} MB of snapshots and {warm.events:,} events since)")
    print(f"writing one piece takes at most         {warm.longest_dump_s * 1e3:9.1f} ms")
    print(f"reading one piece takes at most         {warm.longest_absorb_s * 1e3:9.1f} ms")


async def _throughput(requests: int, rounds: int) -> None:
    kinds = _KINDS | {_HARD[0]: _HARD[1:]}
    runs: dict[str, list[Run]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (replicas, interval_s) in kinds.items():
            runs[name].append(await measure(requests, replicas, interval_s))
            await asyncio.sleep(0)
    first = next(iter(runs.values()))
    for name, own in runs.items():
        rate = statistics.median(run.rate for run in own)
        ratio = statistics.median(run.rate / base.rate for run, base in zip(own, first, strict=True))
        spent = statistics.median(run.classifier_us for run in own)
        print(f"{name:<40} {rate:8,.0f} requests/s  {ratio:5.2f}  {spent:6.0f} µs of classifier CPU a request")


if __name__ == "__main__":
    main()
