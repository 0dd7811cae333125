"""Our answer to the question: the fewest instances in a simulation of engine steps."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.fleet.engines import AUTHORS_CALIBRATED_AT, AUTHORS_CHUNK, AUTHORS_H_S, AUTHORS_W_S, authors, paper_designs
from bench.fleet.peer_question import Question
from tokenlane_fleet.distribution import Distribution
from tokenlane_fleet.plan.design import Design, fleet
from tokenlane_fleet.plan.monotone import lowest
from tokenlane_fleet.sim.run import simulate
from tokenlane_fleet.sim.trace import Trace
from tokenlane_fleet.sim.workloads import from_cdf

PEER_OUTPUT_SHARE = 0.2
_WARM_UP = 0.2
# Simulations at once, as in `tokenlane plan`; the peer's search takes one after the other.
CORES = 2


@dataclass(slots=True)
class Counter:
    """What a search took."""

    simulations: int = 0
    requests: int = 0


def compiled() -> float:
    """Compile, or load what was compiled before; the seconds that it took."""
    began = time.perf_counter()
    trace = Trace("one", np.zeros(1), np.ones(1, dtype=np.int64), np.ones(1, dtype=np.int64))
    simulate(trace, fleet(paper_designs(authors())[0], (1,), authors()))
    return time.perf_counter() - began


def answer(question: Question, seed: int) -> dict[str, Any]:
    """One pool, and two pools each by the requests that come to it."""
    requests = round(question.requests * (1 + _WARM_UP))
    rng = np.random.default_rng(seed)
    trace = from_cdf(Distribution(question.cdf), requests, question.rate, rng, PEER_OUTPUT_SHARE)
    one, two = paper_designs(authors())
    short = trace.total_tokens <= question.boundary
    parts = [(two.alone(0), trace.only(short))] + ([(two.alone(1), trace.only(~short))] if not short.all() else [])
    return {"one": _sized([(one, trace)], question), "two": _sized(parts, question)}


def _sized(pools: list[tuple[Design, Trace]], question: Question) -> dict[str, Any]:
    began, counter = time.perf_counter(), Counter()
    with ThreadPoolExecutor(CORES) as executor:
        found = [_fewest(design, trace, question.slo_s, counter, executor) for design, trace in pools]
    return {
        "searched": [size for size, _ in found],
        "ttft_p99_s": [ttft_s for _, ttft_s in found],
        "simulations": counter.simulations,
        "requests": counter.requests,
        "search_s": time.perf_counter() - began,
    }


def _fewest(
    design: Design, trace: Trace, slo_s: float, counter: Counter, executor: Executor
) -> tuple[int | None, float]:
    """The smallest pool and its P99; (None, the P99) where twice the slots that are taken do not bring it."""
    known: dict[int, float] = {}

    def holds(counts: Sequence[int]) -> list[bool]:
        fresh = [count for count in dict.fromkeys(counts) if count not in known]
        known.update(zip(fresh, executor.map(lambda count: _ttft_p99_s(design, trace, count), fresh), strict=True))
        counter.simulations += len(fresh)
        counter.requests += len(fresh) * len(trace)
        return [known[count] <= slo_s for count in counts]

    guess = _guess(design, trace)
    most = 2 * guess
    if not holds((most, guess))[0]:
        return None, known[most]
    found = lowest(holds, guess, 1, most, stride=max(1, guess // 16))
    return found, known[found or most]


def _ttft_p99_s(design: Design, trace: Trace, count: int) -> float:
    result = simulate(trace, fleet(design, (count,), authors()))
    return float(np.percentile(result.ttft_s[round(len(trace) * _WARM_UP / (1 + _WARM_UP)) :], 99))


def _guess(design: Design, trace: Trace) -> int:
    """Instances if every slot were taken all the time: a request's steps, at a full batch's mean length."""
    slots = design.lanes[0].engine.max_num_seqs
    steps = np.ceil(trace.prompt_tokens / AUTHORS_CHUNK) + trace.output_tokens
    context = np.average(trace.prompt_tokens + trace.output_tokens / 2, weights=steps)
    step_s = AUTHORS_W_S + AUTHORS_H_S * slots * context / AUTHORS_CALIBRATED_AT
    return max(1, math.ceil(trace.rate * float(steps.mean()) * step_s / slots))
