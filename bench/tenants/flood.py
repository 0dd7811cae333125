"""One tenant asks for many times its share, with the others' priority or as batch: what the others' time to first token
becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.tenants.arrivals import poisson
from bench.tenants.fleets import capacity, engine, running, set_policies
from bench.tenants.load import Load
from bench.tenants.requests import Kind
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane.v1.request_pb2 import PRIORITY_BATCH

TIMES = 20
BAR, BATCH_BAR = 1.3, 1.1
_ENGINE, _IN_FLIGHT = engine(0.125, 128), 300
_KIND = Kind((60, 360), (4, 48))


@dataclass(frozen=True, slots=True)
class Flood:
    """Times to first token of the tenants that do not flood, ascending, in seconds. `served`: requests a second that
    ended beside the flood. `late_s`: how late one was sent at most."""

    tenants: int
    load: float
    batch: bool
    capacity: float
    calm_s: Sequence[float]
    beside_s: Sequence[float]
    flood: int
    served: float
    late_s: float

    @property
    def ratio(self) -> float:
        """Of the P99 beside the flood to the one without it."""
        return quantile(self.beside_s, 0.99) / quantile(self.calm_s, 0.99)


def quantile(ascending: Sequence[float], part: float) -> float:
    """The value that this part of them is at or below."""
    return ascending[min(len(ascending) - 1, int(part * len(ascending)))]


async def flood(count: int, load_part: float, seconds: float, batch: bool) -> Flood:
    """Each tenant asks for this part of its share of the capacity; then again, but for one that asks for `TIMES` its
    share, of batch priority if `batch`."""
    tenants = [f"t{number}" for number in range(count)]
    async with running(_ENGINE, _KIND) as (_, client, load):
        if batch:
            await set_policies(client, {tenants[0]: TenantPolicy(priority=PRIORITY_BATCH)})
        most = await capacity(load, _IN_FLIGHT)
        rates = dict.fromkeys(tenants, load_part * most / count)
        calm = await _others(load, rates, tenants[0], seconds)
        before, began_s = len(load.requests), load.now_s
        beside = await _others(load, {**rates, tenants[0]: TIMES * most / count}, tenants[0], seconds)
        asked = len(load.requests) - before - len(beside)
        # Once both are there; those of the end still run.
        since_s, until_s = began_s + seconds / 4, began_s + seconds
        served = sum(since_s <= sent.ended_s < until_s for sent in load.requests.values()) / (until_s - since_s)
        return Flood(count, load_part, batch, most, calm, beside, asked, served, load.late_s)


async def _others(load: Load, rates: Mapping[str, float], one: str, seconds: float) -> Sequence[float]:
    began_s = load.now_s
    await load.play(poisson(rates, seconds))
    others = [sent for sent in load.requests.values() if sent.sent_s >= began_s and sent.tenant != one]
    await load.ended(others)
    return sorted(sent.ttft_s for sent in others)
