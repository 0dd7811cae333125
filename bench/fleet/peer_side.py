"""Run by the peer's own Python, which has vllm-sr-sim and nothing of ours: a question on stdin, figures on stdout.

Each answer carries the seconds it took, imports apart.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

Cdf = list[tuple[int, float]]


def timed(what: Callable[[], Any]) -> tuple[Any, float]:
    """The result, and the seconds that it took."""
    began = time.perf_counter()
    result = what()
    return result, time.perf_counter() - began


def fewest(ok: Callable[[int], bool], start: int) -> tuple[int | None, int]:
    """The smallest count that is ok, None where four times `start` is not, and how many were tried: outwards from
    `start` by a quarter, then by halves."""
    tried: dict[int, bool] = {}

    def holds(count: int) -> bool:
        if count not in tried:
            tried[count] = ok(count)
        return tried[count]

    low, high = 0, max(1, start)
    while not holds(high):
        if high > 4 * start:
            return None, len(tried)
        low, high = high, high + max(1, high // 4)
    while low == 0 and high > 1:
        below = high - max(1, high // 4)
        if not holds(below):
            low = below
        else:
            high = below
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high, len(tried)


def optimizer(question: dict[str, Any], boundary: int) -> Any:
    """The peer's optimizer for two pools, or with the long pool's context as boundary for a single one."""
    profiles = importlib.import_module("fleet_sim.gpu_profiles.profiles")
    base = importlib.import_module("fleet_sim.optimizer.base")
    gpu = profiles.A100_80GB
    return base.FleetOptimizer(gpu, gpu, boundary, question["slo_s"] * 1e3, question["long_context"])


def sized(question: dict[str, Any], cdf: Cdf, boundary: int) -> dict[str, Any]:
    """The analytical size, what the peer's own check by simulation says of it, and the fewest that pass this check."""
    asked = optimizer(question, boundary)
    rate, requests = question["rate"], question["requests"]
    answer, analytical_s = timed(lambda: asked.sweep_analytical(cdf, rate, [1.0])[0])

    counted = [0]

    def check(short: int, long: int) -> dict[str, float]:
        counted[0] += int(1.2 * requests) * (2 if long else 1)
        figures: dict[str, float] = asked._run_des(cdf, rate, 1.0, short, long, requests)
        return figures

    checked, check_s = timed(lambda: check(answer.n_s, answer.n_l))
    limit_ms = question["slo_s"] * 1e3
    counted[0] = 0

    def search() -> tuple[int | None, int | None, int]:
        short, a = fewest(lambda count: check(count, answer.n_l)["p99_short_ms"] <= limit_ms, answer.n_s)
        if not answer.n_l:
            return short, 0, a
        long, b = fewest(lambda count: check(answer.n_s, count)["p99_long_ms"] <= limit_ms, answer.n_l)
        return short, long, a + b

    (short, long, tries), search_s = timed(search)
    return {
        "analytical": [answer.n_s, answer.n_l],
        "analytical_s": analytical_s,
        "check_p99_ms": [checked["p99_short_ms"], checked["p99_long_ms"]],
        "check_s": check_s,
        "searched": [short, long],
        "searched_simulations": tries,
        "searched_requests": counted[0],
        "search_s": search_s,
    }


def by_instance(question: dict[str, Any], cdf: Cdf, gpus: int) -> dict[str, Any]:
    """One pool of so many in the peer's event simulation of instances: `vllm-sr-sim simulate`."""
    fleet = importlib.import_module("fleet_sim.core.fleet")
    synthetic = importlib.import_module("fleet_sim.workload.synthetic")
    profiles = importlib.import_module("fleet_sim.gpu_profiles.profiles")
    pool = fleet.PoolConfig("one", profiles.A100_80GB, gpus, question["long_context"])
    requests = question["instance_requests"]
    arrivals = synthetic.PoissonWorkload(question["rate"], synthetic.CdfWorkload(cdf), requests).generate()
    simulation = fleet.Fleet(fleet.FleetConfig([pool], "LengthRouter", {"threshold": question["long_context"]}))
    result, seconds = timed(lambda: simulation.run(arrivals))
    return {
        "gpus": gpus,
        "requests": requests,
        "seconds": seconds,
        "ttft_p99_ms": result.p99_ttft_ms(),
        "utilisation": result.mean_utilisation(),
    }


def main() -> None:
    """Answer one question."""
    question = json.load(sys.stdin)
    cdf = [(int(tokens), float(fraction)) for tokens, fraction in question["cdf"]]
    _, import_s = timed(lambda: importlib.import_module("fleet_sim.optimizer.base"))
    one = sized(question, cdf, question["long_context"])
    two = sized(question, cdf, question["boundary"])
    size = one["analytical"][0]
    # Its cost grows with the number of instances: minutes for thousands.
    instances = [by_instance(question, cdf, gpus) for gpus in (size, size // 16)] if size <= 600 else []
    version = importlib.import_module("fleet_sim").__version__
    json.dump({"version": version, "import_s": import_s, "one": one, "two": two, "instances": instances}, sys.stdout)


if __name__ == "__main__":
    main()
