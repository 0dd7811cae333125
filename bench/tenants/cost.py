"""What order, weights and limits cost: requests a second of the same full fleet for one tenant without any and for many
with all of them, in turns."""

import asyncio
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from bench.tenants.backlog import Backlog
from bench.tenants.fleets import running, set_policies
from bench.tenants.load import Load
from bench.tenants.requests import Kind
from tests.support.fleet import INSTANT, Fleet
from tokenlane.v1.recovery_pb2 import TenantPolicy

BAR = 0.9
_ROUNDS, _WARM_S, _ROUND_S = 3, 1.0, 4.0
_IN_FLIGHT = 600
# What takes no time is no prompt in front of an engine. Places of an engine, with which requests wait or do not.
_ENGINE = {**INSTANT, "PREFILL_CAP_TOKENS": "0"}
_FEW, _MANY = 8, 1_024
_KIND = Kind((20, 60), (1, 4), streamed=False)
# Of none of them is ever reached.
_LIMITS = TenantPolicy(tokens_in_flight=1_000_000, tokens_per_minute=100_000_000, requests_queued=100_000)


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of the rounds. `waits`: requests wait under the dispatcher before they go. `alone`, `together`: requests
    a second. `classifier_us`: processor time of the classifier a request, alone and together."""

    tenants: int
    waits: bool
    alone: float
    together: float
    ratio: float
    classifier_us: tuple[float, float]


async def cost(count: int, waits: bool) -> Cost:
    """One tenant against `count`, with as many requests on their way."""
    engine = {**_ENGINE, "ENGINE_MAX_NUM_SEQS": str(_FEW if waits else _MANY)}
    policies = {f"t{number}": _policy(1 + number % 3) for number in range(count)}
    async with running(engine, _KIND) as (fleet, client, load):
        await set_policies(client, policies)
        await _round(fleet, load, ["first"])
        rounds = [
            (await _round(fleet, load, ["first"]), await _round(fleet, load, list(policies))) for _ in range(_ROUNDS)
        ]
    alone, together = zip(*rounds, strict=True)
    return Cost(
        count,
        waits,
        statistics.median(rate for rate, _ in alone),
        statistics.median(rate for rate, _ in together),
        statistics.median(many / one for (one, _), (many, _) in rounds),
        (statistics.median(us for _, us in alone), statistics.median(us for _, us in together)),
    )


def _policy(weight: float) -> TenantPolicy:
    policy = TenantPolicy(weight=weight)
    policy.MergeFrom(_LIMITS)
    return policy


def _spent_s(fleet: Fleet) -> float:
    pids = [member.pid for member in fleet.with_role("classifier") if member.pid is not None]
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


async def _round(fleet: Fleet, load: Load, tenants: Sequence[str]) -> tuple[float, float]:
    """Requests a second, and microseconds of the classifier for each."""
    turns = itertools.cycle(tenants)
    backlog = Backlog(load, list(itertools.islice(turns, _IN_FLIGHT)), 1, lambda _: next(turns))
    await backlog.begin()
    await asyncio.sleep(_WARM_S)
    since_s, before_s = load.now_s, _spent_s(fleet)
    await asyncio.sleep(_ROUND_S)
    rate, spent_s = backlog.rate(since_s, load.now_s), _spent_s(fleet) - before_s
    backlog.stop()
    await load.ended(list(load.requests.values()))
    load.requests.clear()
    return rate, spent_s / (rate * _ROUND_S) * 1e6
