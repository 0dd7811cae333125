"""The fleets that are measured: a broker, a classifier and two workers of one lane, all real processes. Engines are
simulated: vLLM's scheduling, step times of an 8B model on an H100 by its data sheet, at another speed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client

from bench.tenants.backlog import Backlog
from bench.tenants.load import Load
from bench.tenants.requests import Bodies, Kind
from tests.support.fleet import MODEL, Fleet, FleetConfig
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_proto import topology

_ENGINE = {"ENGINE": "sim", "SERVED_MODEL_NAME": MODEL, "SIM_PROFILE": "h100-llama3-8b"}
_WARM_S, _CAPACITY_S = 6.0, 10.0


def engine(speed: float, sequences: int) -> Mapping[str, str]:
    """A simulated engine at so many times its own speed, with so many requests at once."""
    return {**_ENGINE, "SIM_SPEED": str(speed), "ENGINE_MAX_NUM_SEQS": str(sequences)}


@asynccontextmanager
async def running(of: Mapping[str, str], kind: Kind, workers: int = 2) -> AsyncIterator[tuple[Fleet, Client, Load]]:
    """A fleet with these engines, and a load of that kind."""
    async with Fleet(FleetConfig(ingresses=0, workers=workers, lanes=("short",), engine=of)) as fleet:
        client = await nats.connect(fleet.nats_url)
        load = Load(client, Bodies(kind))
        await load.start()
        yield fleet, client, load
        await client.close()


async def set_policies(client: Client, policies: Mapping[str, TenantPolicy]) -> None:
    """What these tenants get and may take."""
    bucket = await client.jetstream().key_value(topology.TENANT_BUCKET)
    for tenant, policy in policies.items():
        await bucket.put(tenant, policy.SerializeToString())


async def capacity(load: Load, in_flight: int) -> float:
    """Requests a second of the fleet where always so many are on their way."""
    backlog = Backlog(load, ["first"], in_flight)
    await backlog.begin()
    await asyncio.sleep(_WARM_S)
    since_s = load.now_s
    await asyncio.sleep(_CAPACITY_S)
    found = backlog.rate(since_s, load.now_s)
    backlog.stop()
    await load.ended(list(load.requests.values()))
    return found
