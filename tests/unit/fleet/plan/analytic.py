"""A stand-in for the simulator: latencies follow from how busy a pool is, so the right answers can be worked out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from tokenlane_fleet import StepCost
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.design import Engine
from tokenlane_fleet.plan.trials import Trials
from tokenlane_fleet.sim.fleet import Fleet, Pool
from tokenlane_fleet.sim.result import PoolTotals, Result
from tokenlane_fleet.sim.slo import Slo, two_classes
from tokenlane_fleet.sim.trace import Seconds, Tokens, Trace

TOKENS_PER_SECOND = 1000.0
"""Of a replica with the best settings."""
BEST_STEP_BUDGET = 1024
SLO = two_classes(1024, ttft_s=1.0, tpot_s=0.08)
COST = StepCost(0.004, 0.012, 5e-5, 1e-5, 1e-8, 1e-9)
HARDWARE = Hardware("llama", "gpu", 2, COST, 65_536, 16, 32_768, 256, 2048, 3.0, "data sheet, roofline")
ENGINE = Engine(32_768, 256, 2048)


def speed(pool: Pool) -> float:
    """Tokens a second of a replica: best at one step budget, a fifth less for each doubling or halving."""
    return TOKENS_PER_SECOND * float(0.8 ** abs(np.log2(pool.limits.max_num_batched_tokens / BEST_STEP_BUDGET)))


def simulate(
    trace: Trace, fleet: Fleet, *, budgets: Tokens | None = None, ttft_limit_s: Seconds | None = None
) -> Result:
    """Time to first token is 0.3 s / (1 - busy), a token 20 ms + 86 ms * busy: both limits bind at 0.7. Far too long
    where busier than 1."""
    believed = trace.total_tokens if budgets is None else budgets
    bounds = [pool.up_to_tokens for pool in fleet.pools[:-1]]
    of = np.searchsorted(np.asarray(bounds, dtype=np.int64), believed, side="left")
    ttft, tpot = np.zeros(len(trace)), np.zeros(len(trace))
    for index, pool in enumerate(fleet.pools):
        mine = of == index
        rate = float(trace.total_tokens[mine].sum()) / (trace.duration_s or 60.0)
        busy = rate / (pool.replicas * speed(pool))
        ttft[mine] = 0.3 / (1 - busy) if busy < 1 else 1e6
        tpot[mine] = 0.02 + 0.0856 * busy
    first = trace.arrival_s + ttft
    finished = first + tpot * (trace.output_tokens - 1)
    nothing = np.zeros(len(trace), dtype=np.int32)
    totals = tuple(PoolTotals(pool.name, 1, 0, 1.0, 1.0, 0.5, 1, 1) for pool in fleet.pools)
    return Result(trace, of.astype(np.int32), first, finished, nothing, nothing > 0, totals, float(finished.max()))


def made(requests: int = 400, rate: float = 2.0, seed: int = 1, spread: float = 0.5) -> Trace:
    """Around 300 and around 3000 tokens, a tenth of them output; all 900 without `spread`."""
    rng = np.random.default_rng(seed)
    around = np.where(rng.random(requests) < 0.25, 3000, 300) if spread else 900
    total = (around * rng.uniform(1 - spread, 1 + spread, requests)).astype(np.int64)
    arrival = np.cumsum(rng.exponential(1 / rate, requests))
    output = np.maximum(total // 10, 1)
    return Trace("made", arrival, total - output, output)


@contextmanager
def trials(slo: Slo = SLO, workers: int = 2) -> Iterator[Trials]:
    with ThreadPoolExecutor(workers) as executor:
        yield Trials(simulate, executor, HARDWARE)
