"""The tenants' policies on the bus. Services follow the bucket: a change holds at once."""

import asyncio
from collections.abc import Mapping
from enum import Enum

from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_chassis.bus import Bus
from tokenlane_cli.errors import UsageError
from tokenlane_cli.tenant import fields
from tokenlane_proto import codec
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.topology import TENANT_BUCKET

_LIST_S = 5
# Somebody else changed the tenant meanwhile, each time.
_TRIES = 10


class Change(Enum):
    """What became of a tenant's policy."""

    SET = "set"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    LEFT = "not in the file, left as it is"


async def change(bus: Bus, tenant: str, values: Mapping[str, object]) -> TenantPolicy:
    """Set what is given for a tenant, by names of `fields.FIELDS`, and leave the rest. Raises UsageError, BusError."""
    await _require_bucket(bus)
    for _ in range(_TRIES):
        revision, held = await bus.entry(TENANT_BUCKET, tenant)
        # What cannot be read holds for nobody.
        policy = _decoded(held) or TenantPolicy()
        fields.write(policy, values)
        if await bus.update(TENANT_BUCKET, tenant, policy.SerializeToString(), revision):
            return policy
    raise UsageError(f"{tenant}: somebody else changes it all the time")


async def replace(bus: Bus, wanted: Mapping[str, TenantPolicy], prune: bool) -> dict[str, Change]:
    """Make the tenants have the policies that are wanted and no others; with `prune`, those that are not named have
    none. Raises UsageError, BusError."""
    held = await read_all(bus)
    changes: dict[str, Change] = {}
    for tenant, policy in wanted.items():
        changes[tenant] = Change.UNCHANGED if held.get(tenant) == policy else Change.SET
        if changes[tenant] is Change.SET:
            await bus.put(TENANT_BUCKET, tenant, policy.SerializeToString())
    for tenant in held.keys() - wanted.keys():
        changes[tenant] = Change.DELETED if prune else Change.LEFT
        if prune:
            await bus.delete(TENANT_BUCKET, tenant)
    return dict(sorted(changes.items()))


async def read_all(bus: Bus) -> dict[str, TenantPolicy | None]:
    """The tenants that have a policy; None for one that cannot be read. Raises UsageError, BusError."""
    found: dict[str, TenantPolicy | None] = {}

    def receive(tenant: str, value: bytes | None) -> None:
        if value is not None:
            found[tenant] = _decoded(value)

    await _require_bucket(bus)
    try:
        async with asyncio.timeout(_LIST_S):
            watch = await bus.watch(TENANT_BUCKET, receive)
            await watch.unsubscribe()
    except TimeoutError:
        raise UsageError(f"the bus does not list its bucket {TENANT_BUCKET}") from None
    return dict(sorted(found.items()))


def _decoded(value: bytes | None) -> TenantPolicy | None:
    try:
        return None if value is None else codec.decode_tenant_policy(value)
    except MalformedMessageError:
        return None


async def _require_bucket(bus: Bus) -> None:
    """Reading from a bucket that is not there fails at once; writing and watching would wait for it."""
    await bus.get(TENANT_BUCKET, "any")
