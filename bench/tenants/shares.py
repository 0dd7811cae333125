"""Tenants that always wait: how far what they are served is from their weights."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.tenants.backlog import Backlog
from bench.tenants.fleets import capacity, engine, running, set_policies
from bench.tenants.load import Sent
from bench.tenants.requests import Kind
from tokenlane.v1.recovery_pb2 import TenantPolicy

BAR = 0.05
# With fewer requests of a tenant than that, a window is longer: one more or less is nearly the bar.
_LEAST = 40
_ENGINE, _SEQUENCES = engine(1.0, 8), 16
_KIND = Kind((40, 120), (2, 10), streamed=False)
_SLIDE_S = 15


@dataclass(frozen=True, slots=True)
class Shares:
    """`window_s`: what is looked at, at each second. `work`, `tokens`: the worst difference from the weight of any
    tenant in any window, as a part of it; by what tokens count for, and by their number. `least`: fewest requests of a
    tenant in a window."""

    tenants: int
    rate: float
    window_s: float
    work: float
    tokens: float
    least: int


async def shares(count: int, seconds: float, warm_s: float = 15.0) -> Shares:
    """Half of the tenants with twice the weight; all ask for as much."""
    weights = {f"t{number}": 1.0 + number % 2 for number in range(count)}
    async with running(_ENGINE, _KIND) as (_, client, load):
        most = await capacity(load, 4 * _SEQUENCES)
        await set_policies(client, {tenant: TenantPolicy(weight=weight) for tenant, weight in weights.items()})
        backlog = Backlog(load, list(weights), 2 + math.ceil(4 * _SEQUENCES / count))
        await backlog.begin()
        await asyncio.sleep(warm_s)
        since_s = load.now_s
        window_s = max(seconds, _LEAST * sum(weights.values()) / most)
        await asyncio.sleep(window_s + _SLIDE_S)
        backlog.stop()
    found = [_window(backlog.done, weights, since_s + second, window_s) for second in range(_SLIDE_S)]
    work, tokens, least = (list(each) for each in zip(*found, strict=True))
    rate = backlog.rate(since_s, since_s + window_s)
    return Shares(count, rate, window_s, max(work), max(tokens), int(min(least)))


def _window(
    done: Sequence[Sent], weights: Mapping[str, float], since_s: float, window_s: float
) -> tuple[float, float, float]:
    ended = [sent for sent in done if since_s <= sent.ended_s < since_s + window_s]
    counts = dict.fromkeys(weights, 0)
    for sent in ended:
        counts[sent.tenant] += 1
    work = _worst([(sent.tenant, sent.work) for sent in ended], weights)
    return work, _worst([(sent.tenant, sent.tokens) for sent in ended], weights), min(counts.values())


def _worst(served: Sequence[tuple[str, int]], weights: Mapping[str, float]) -> float:
    of = dict.fromkeys(weights, 0)
    for tenant, amount in served:
        of[tenant] += amount
    fair = sum(of.values()) / sum(weights.values())
    return max(abs(of[tenant] / (weight * fair) - 1) for tenant, weight in weights.items())
