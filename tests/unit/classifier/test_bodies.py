"""Bodies that travel by the object store."""

from tests.unit.classifier.conftest import Running
from tests.unit.classifier.test_service import BODY, envelope, error_of, only_lane_message, settled
from tokenlane.v1.request_pb2 import BodyRef
from tokenlane_chassis.bus import Bus
from tokenlane_proto import topology

OBJECT = "acme.r1.0a"


async def test_a_large_body_counts_with_its_size_and_is_told_by_its_sample(bus: Bus, running: Running) -> None:
    ref = BodyRef(object=OBJECT, size=100_000, sample="请求通过消息总线到达".encode() * 100)
    async with running():
        await bus.publish_durable("requests.acme", envelope(body=b"", body_ref=ref))
        await settled(bus)
    _, request, _ = await only_lane_message(bus)
    assert 20_000 < request.classification.prompt_tokens < 66_000
    assert sum(request.classification.byte_classes) > 20_000
    assert (request.classification.lane, request.body_ref) == ("long", ref)


async def test_the_body_of_a_refused_request_is_removed(bus: Bus, running: Running) -> None:
    ref = BodyRef(object=OBJECT, size=len(BODY), sample=BODY)
    await bus.put_object(topology.BODY_STORE, OBJECT, BODY)
    async with running():
        await bus.publish_durable("requests.acme", envelope(model="other", body=b"", body_ref=ref))
        await settled(bus)
    assert (await error_of(bus, "r1"))[0]["code"] == "model_not_found"
    assert await bus.get_object(topology.BODY_STORE, OBJECT) is None


async def test_a_body_of_another_tenant_is_neither_used_nor_removed(bus: Bus, running: Running) -> None:
    ref = BodyRef(object="other.r1.0a", size=len(BODY), sample=BODY)
    await bus.put_object(topology.BODY_STORE, ref.object, BODY)
    async with running():
        await bus.publish_durable("requests.acme", envelope(body=b"", body_ref=ref))
        await settled(bus)
    assert (await error_of(bus, "r1"))[0]["code"] == "invalid_request"
    assert await bus.get_object(topology.BODY_STORE, ref.object) == BODY
