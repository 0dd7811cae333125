"""What is refused, to come again, is told to everybody who reads it, and leaves its key free."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from tests.support.waiting import until
from tests.unit.classifier.conftest import serving
from tests.unit.classifier.dispatch.test_dispatcher import Worker, wait, with_worker
from tests.unit.classifier.test_keyed import ID, keyed, record
from tests.unit.classifier.test_service import BODY, envelope
from tokenlane.v1.recovery_pb2 import KeyRecord, TenantPolicy
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus, Delivery, Message
from tokenlane_proto import headers, topology

OTHER_BODY = BODY.replace(b"hi", b"ho")
RECORD = topology.key_record("acme", ID)


@pytest.fixture
def idle() -> bool:
    return False


@pytest.fixture
async def full(bus: Bus) -> AsyncIterator[Worker]:
    """A tenant of whom one request waits, which is all that may."""
    await bus.put(topology.TENANT_BUCKET, "acme", TenantPolicy(requests_queued=1).SerializeToString())
    async with with_worker(bus) as worker:
        await bus.publish_durable("requests.acme", envelope("r1"))
        await wait(bus, 1)
        yield worker


async def refused(bus: Bus) -> Message:
    """The refusal, once its key is free."""

    async def is_free() -> bool:
        value = await bus.get(topology.KEY_BUCKET, RECORD)
        return value is not None and KeyRecord.FromString(value).refusal_seq > 0

    await until(is_free, 10)
    result = await bus.last(topology.RESULTS, f"results.acme.{ID}")
    assert result is not None
    return result


async def test_a_refusal_without_an_inbox_is_the_result_and_says_when_to_come_again(bus: Bus, full: Worker) -> None:
    stored = await bus.publish_durable("requests.acme", keyed(inbox=""))
    result = await refused(bus)
    assert (result.headers[headers.STATUS], result.headers[headers.CODE]) == ("429", "requests_queued_exceeded")
    assert int(result.headers[headers.RETRY_AFTER_MS]) > 0
    assert ((await record(bus)).requests_seq, (await record(bus)).refusal_seq) == (stored.seq, result.seq)


@pytest.mark.parametrize("body", [BODY, OTHER_BODY], ids=["same body", "another body"])
@pytest.mark.parametrize("accepted", [5, 6], ids=["same bytes", "sent anew"])
async def test_its_key_is_free_and_the_refusal_gives_way(bus: Bus, full: Worker, body: bytes, accepted: int) -> None:
    await bus.publish_durable("requests.acme", keyed(inbox=""))
    await refused(bus)
    full.has_room(1_000_000)
    await full.takes(1)
    again = await bus.publish_durable("requests.acme", keyed(body, inbox="", accepted=accepted))
    assert await full.takes(2) == ["r1", ID]
    assert await record(bus) == KeyRecord(
        body_sha256=hashlib.sha256(body).digest(), requests_seq=again.seq, accepted_unix_ms=accepted
    )
    assert await results.load(bus, "acme", ID) is None


async def test_of_those_who_come_again_at_once_one_runs(bus: Bus, full: Worker) -> None:
    await bus.publish_durable("requests.acme", keyed(inbox=""))
    await refused(bus)
    full.has_room(1_000_000)
    await full.takes(1)
    async with serving(bus, idle=False) as second:
        again = [keyed(inbox="", accepted=6 + number) for number in range(5)]
        await asyncio.gather(*(bus.publish_durable("requests.acme", each) for each in again))

        async def settled() -> bool:
            counts = await bus.consumer_counts(topology.CLASSIFIER_CONSUMER)
            return counts == (0, 0)

        await until(settled, 10)
        full.has_room(1_000_000)
        assert await full.takes(2) == ["r1", ID]
        assert second.readiness.ready


async def test_who_comes_again_too_early_is_refused_again(bus: Bus, full: Worker) -> None:
    await bus.publish_durable("requests.acme", keyed(inbox=""))
    first = await refused(bus)
    again = await bus.publish_durable("requests.acme", keyed(inbox="", accepted=6))

    async def is_later() -> bool:
        found = await record(bus)
        return found.requests_seq == again.seq and found.refusal_seq > first.seq

    await until(is_later, 10)
    assert (await refused(bus)).seq > first.seq


async def test_a_classifier_that_died_before_it_freed_the_key_is_made_good(bus: Bus) -> None:
    stored = await bus.publish_durable("requests.acme", keyed(inbox="door.1"))
    first = KeyRecord(body_sha256=hashlib.sha256(BODY).digest(), requests_seq=stored.seq, accepted_unix_ms=5)
    await bus.put(topology.KEY_BUCKET, RECORD, first.SerializeToString())
    deliveries = 0

    def leave(delivery: Delivery) -> None:
        nonlocal deliveries
        deliveries += 1
        delivery.nak()

    puller = await bus.pull(topology.CLASSIFIER_CONSUMER, leave, lambda: 1 if deliveries == 0 else 0)
    await until(lambda: deliveries > 0, 10)
    await puller.stop()
    fields = results.result_headers(ID, 1, Outcome.OUTCOME_FAILED, 429, results.JSON) | {headers.RETRY_AFTER_MS: "50"}
    assert await results.store(bus, "acme", ID, b"{}", fields)
    async with serving(bus, idle=False):
        assert (await refused(bus)).data == b"{}"
