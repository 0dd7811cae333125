"""How many requests of a trace are simulated in a second of wall time, on one core.

    python -m bench.fleet.speed TRACE [--rounds 5]

Several fleets of Llama-3-70B on 4 x H100 (step times from data sheets). Rounds alternate between the fleets; the median
and the slowest round count. Compilation, or loading it from the cache, is counted apart.
"""

import argparse
import json
import statistics
import time
from dataclasses import dataclass

from bench.fleet import arguments
from bench.fleet.engines import h100
from bench.fleet.markdown import seconds, table
from tokenlane_cli.traces.load import load
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.design import Design, Engine, fleet, one_pool
from tokenlane_fleet.plan.policies import (
    DEADLINE,
    FIFO,
    LEAST_WORK,
    lanes,
    paper_lanes,
    paper_pool,
    stealing,
    vllm_defaults,
)
from tokenlane_fleet.sim.fleet import Fleet
from tokenlane_fleet.sim.run import simulate
from tokenlane_fleet.sim.slo import ttft_limit_s, two_classes
from tokenlane_fleet.sim.trace import Trace


@dataclass(frozen=True, slots=True)
class Case:
    """A fleet under the trace at `rate` requests a second; None: as recorded."""

    name: str
    design: Design
    replicas: tuple[int, ...]
    rate: float | None

    def fleet(self, hardware: Hardware) -> Fleet:
        """To simulate."""
        return fleet(self.design, self.replicas, hardware)


def cases(hardware: Hardware) -> list[Case]:
    """Small and large fleets, at the trace's own load and at what they can carry."""
    engine = Engine(hardware.max_model_len, 256, 1024, 512, 1.0, 4096)
    pool, two = one_pool(engine, FIFO), lanes((4096,), (engine, engine), FIFO)
    return [
        Case("vLLM defaults, shortest queue, 2 replicas, as recorded", vllm_defaults(hardware), (2,), None),
        Case("vLLM defaults, shortest queue, 8 replicas", vllm_defaults(hardware), (8,), 32),
        Case("paper's pool, 16 replicas", paper_pool(hardware), (16,), 32),
        Case("paper's two pools, 9 + 1 replicas", paper_lanes(hardware), (9, 1), 32),
        Case("tuned pool, push by work, 8 replicas", one_pool(engine, LEAST_WORK), (8,), 38),
        Case("tuned pool, pull, 8 replicas", pool, (8,), 38),
        Case("tuned pool, pull in deadline order, 8 replicas", one_pool(engine, DEADLINE), (8,), 40),
        Case("two fixed lanes, 7 + 2 replicas", two, (7, 2), 38),
        Case("elastic lanes in deadline order, 6 + 2 replicas", stealing(two)[0], (6, 2), 40),
        Case("tuned pool, pull in deadline order, 200 replicas", one_pool(engine, DEADLINE), (200,), 1000),
    ]


def timed(trace: Trace, of: Fleet) -> tuple[float, float]:
    """Seconds of wall time and of processor time that one simulation takes."""
    limits = ttft_limit_s(trace, two_classes())
    wall, processor = time.perf_counter(), time.process_time()
    simulate(trace, of, ttft_limit_s=limits)
    return time.perf_counter() - wall, time.process_time() - processor


def _options() -> argparse.Namespace:
    parser = arguments.parser(__doc__)
    parser.add_argument("trace", type=arguments.existing)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _row(case: Case, trace: Trace, times: list[tuple[float, float]]) -> list[str]:
    wall, processor = zip(*times, strict=True)
    median = statistics.median(wall)
    rates = (len(trace) / median, len(trace) / max(wall), len(trace) / statistics.median(processor))
    return [case.name, f"{trace.rate:.4g}/s", seconds(median), *(f"{rate:,.0f}" for rate in rates)]


def main() -> None:
    """Command line."""
    options = _options()
    hardware = h100()
    trace = load(options.trace, seed=options.seed).trace
    tried = cases(hardware)
    loads = [trace if case.rate is None else trace.at_rate(case.rate) for case in tried]
    first_s, _ = timed(trace.at_rate(1e4), tried[0].fleet(hardware))
    found: list[list[tuple[float, float]]] = [[] for _ in tried]
    for round_number in range(options.rounds):
        arguments.progress(f"round {round_number + 1} of {options.rounds}")
        for case, load_of, times in zip(tried, loads, found, strict=True):
            times.append(timed(load_of, case.fleet(hardware)))
    rows = [_row(case, load_of, times) for case, load_of, times in zip(tried, loads, found, strict=True)]
    print(f"{len(trace):,} requests; first simulation {seconds(first_s)}, compiled code loaded or compiled\n")
    columns = ("fleet", "load", "wall time", "simulated requests/s", "slowest round", "a second of processor time")
    table("Speed on one core", columns, rows)
    if options.json:
        names = [case.name for case in tried]
        options.json.write_text(json.dumps({"first_s": first_s, "seconds": dict(zip(names, found, strict=True))}))


if __name__ == "__main__":
    arguments.run(main)
