"""The time that a tenant's requests have where they do not say."""

from tests.support.waiting import until
from tests.unit.classifier.conftest import Running
from tests.unit.classifier.test_service import envelope, error_of, only_lane_message, settled, waiting
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.clock import unix_ms
from tokenlane_proto import headers, topology


async def test_a_tenants_requests_have_the_time_that_is_set_for_it(bus: Bus, running: Running) -> None:
    await bus.put(topology.TENANT_BUCKET, "acme", TenantPolicy(timeout_ms=60_000).SerializeToString())
    await bus.put(topology.TENANT_BUCKET, "broken", b"\xff")
    accepted = unix_ms() - 1_000
    async with running():
        await bus.publish_durable("requests.acme", envelope(accepted_unix_ms=accepted))
        await bus.publish_durable("requests.acme", envelope("late", accepted_unix_ms=accepted - 60_000))
        await settled(bus)
    _, request, _ = await only_lane_message(bus)
    assert request.deadline_unix_ms == accepted + 60_000
    _, stored = await error_of(bus, "late")
    assert (stored.headers[headers.OUTCOME], stored.headers[headers.STATUS]) == ("expired", "504")


async def test_a_policy_holds_at_once_and_until_it_is_deleted(bus: Bus, running: Running) -> None:
    async with running():
        await bus.put(topology.TENANT_BUCKET, "acme", TenantPolicy(timeout_ms=1).SerializeToString())

        async def expires() -> bool:
            await bus.publish_durable("requests.acme", envelope(accepted_unix_ms=5))
            await settled(bus)
            return await results.load(bus, "acme", "r1") is not None

        await until(expires, every_s=0.005)
        await bus.delete(topology.TENANT_BUCKET, "acme")

        async def goes_on() -> bool:
            await bus.publish_durable("requests.acme", envelope("r2", accepted_unix_ms=5))
            await settled(bus)
            return bool(await waiting(bus))

        await until(goes_on, every_s=0.005)
