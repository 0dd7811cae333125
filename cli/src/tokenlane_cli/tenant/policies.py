"""The tenants' policies on the bus."""

import asyncio
import math

from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_chassis.bus import Bus
from tokenlane_cli.errors import UsageError
from tokenlane_proto import codec, topology
from tokenlane_proto.errors import MalformedMessageError

_LIST_S = 5


async def set_timeout(bus: Bus, tenant: str, timeout_s: float) -> None:
    """From now on the tenant's requests without a deadline have `timeout_s` seconds; 0: as long as it takes. Raises
    BusError."""
    await _require_bucket(bus)
    policy = TenantPolicy(timeout_ms=math.ceil(timeout_s * 1000))
    await bus.put(topology.TENANT_BUCKET, tenant, policy.SerializeToString())


async def timeouts_s(bus: Bus) -> dict[str, float]:
    """The tenants that have a policy, with their seconds. Raises UsageError, BusError."""
    found: dict[str, float] = {}

    def receive(tenant: str, value: bytes | None) -> None:
        try:
            if value is not None:
                found[tenant] = codec.decode_tenant_policy(value).timeout_ms / 1000
        except MalformedMessageError:
            found[tenant] = math.nan

    await _require_bucket(bus)
    try:
        async with asyncio.timeout(_LIST_S):
            watch = await bus.watch(topology.TENANT_BUCKET, receive)
            await watch.unsubscribe()
    except TimeoutError:
        raise UsageError(f"the bus does not list its bucket {topology.TENANT_BUCKET}") from None
    return dict(sorted(found.items()))


async def _require_bucket(bus: Bus) -> None:
    """Reading from a bucket that is not there fails at once; writing and watching would wait for it."""
    await bus.get(topology.TENANT_BUCKET, "any")
