"""How tenants share: a flood of one against the others' time to first token, and tokens served to those that all wait.

    python -m bench.tenants [--tenants 2 50] [--seconds 60]

Real processes on a real broker, engines simulated (two workers of the short lane). Each size runs three times: the
capacity is measured with a backlog, then the tenants load 60 % of it by themselves, then one of them asks for 20 times
its share of the capacity meanwhile. At the end all have more than they can get, half of them with twice the weight.
"""

import argparse
import asyncio
import statistics
from collections.abc import Mapping, Sequence

import nats
import uvloop
from nats.aio.client import Client

from bench.tenants.load import Load, poisson
from tests.support.fleet import MODEL, Fleet, FleetConfig
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_proto import topology

_BACKLOG = 300
_LOAD = 0.6
_FLOOD = 20
_ENGINE = {
    "ENGINE": "sim",
    "SERVED_MODEL_NAME": MODEL,
    "SIM_PROFILE": "h100-llama3-8b",
    "SIM_SPEED": "0.25",
    "ENGINE_MAX_NUM_SEQS": "16",
}
_FLEET = FleetConfig(ingresses=0, workers=2, lanes=("short",), engine=_ENGINE)


def main() -> None:
    parser = argparse.ArgumentParser(description="How tenants share.")
    parser.add_argument("--tenants", type=int, nargs="+", default=[2, 50])
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    for count in arguments.tenants:
        uvloop.run(_measure(count, arguments.seconds))


async def _measure(count: int, seconds: float) -> None:
    tenants = [f"t{number}" for number in range(count)]
    async with Fleet(_FLEET) as fleet:
        client = await nats.connect(fleet.nats_url)
        load = Load(client, MODEL, count)
        await load.start()
        capacity = await _capacity(load, tenants)
        calm = await _calm(load, tenants, capacity, seconds)
        flooded = await _flooded(load, tenants, capacity, seconds)
        off = await _shares(client, load, tenants, capacity, seconds)
        await client.close()
    print(f"{count} tenants, {capacity:.1f} requests/s")
    print(f"  others' P99 to the first token: {calm:.2f} s by themselves, {flooded:.2f} s beside a flood of one")
    print(f"  ratio {flooded / calm:.2f} (bar 1.30)")
    print(f"  tokens served to those that wait, worst difference from the weight: {off:.1%} (bar 5 %)")


async def _capacity(load: Load, tenants: Sequence[str]) -> float:
    began_s = load.now_s
    await load.send((0.0, tenants[number % len(tenants)]) for number in range(_BACKLOG))
    await load.ended()
    return _BACKLOG / (load.now_s - began_s)


async def _calm(load: Load, tenants: Sequence[str], capacity: float, seconds: float) -> float:
    return await _p99(load, tenants[1:], _even(tenants, capacity * _LOAD), seconds)


async def _flooded(load: Load, tenants: Sequence[str], capacity: float, seconds: float) -> float:
    rates = {**_even(tenants, capacity * _LOAD), tenants[0]: _FLOOD * capacity / len(tenants)}
    return await _p99(load, tenants[1:], rates, seconds)


async def _p99(load: Load, tenants: Sequence[str], rates: Mapping[str, float], seconds: float) -> float:
    began_s = load.now_s
    await load.send(poisson(rates, seconds, len(rates)))
    until_s = load.now_s
    await load.ended()
    return statistics.quantiles(load.seen.ttft_s(tenants, began_s, until_s), n=100)[98]


async def _shares(client: Client, load: Load, tenants: Sequence[str], capacity: float, seconds: float) -> float:
    """The worst difference from the weight, as a share of it, among tenants that wait all the time."""
    weights = {tenant: 1.0 + number % 2 for number, tenant in enumerate(tenants)}
    bucket = await client.jetstream().key_value(topology.TENANT_BUCKET)
    for tenant, weight in weights.items():
        await bucket.put(tenant, TenantPolicy(weight=weight).SerializeToString())
    began_s = load.now_s
    rates = {tenant: 1.5 * weight * capacity / sum(weights.values()) for tenant, weight in weights.items()}
    sending = asyncio.create_task(load.send(poisson(rates, 2 * seconds, 1)))
    # Until all have something that waits.
    await asyncio.sleep(2 * seconds)
    served = load.seen.served(began_s + seconds, began_s + 2 * seconds)
    await sending
    await load.ended()
    fair = sum(served.values()) / sum(weights.values())
    return max(abs(served.get(tenant, 0) / (weight * fair) - 1) for tenant, weight in weights.items())


def _even(tenants: Sequence[str], rate: float) -> dict[str, float]:
    return dict.fromkeys(tenants, rate / len(tenants))


if __name__ == "__main__":
    main()
