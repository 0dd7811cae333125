"""Idempotency keys: the first request goes on, every other one is told where it stands."""

import asyncio
import hashlib
import json

import pytest

from tests.unit.classifier.conftest import Running
from tests.unit.classifier.test_service import BODY, envelope, error_of, inbox_of, settled, waiting
from tokenlane.v1.recovery_pb2 import KeyRecord, RequestState, RequestStatus
from tokenlane.v1.reply_pb2 import Frame, Outcome
from tokenlane.v1.request_pb2 import BodyRef
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus, Message
from tokenlane_proto import codec, headers, subjects, topology

ID = subjects.keyed_id("my key")
OTHER_BODY = BODY.replace(b"hi", b"ho")


def keyed(
    body: bytes = BODY,
    inbox: str = "door.1",
    accepted: int = 5,
    sha: bytes = b"",
    body_ref: BodyRef | None = None,
) -> bytes:
    request = codec.decode_request(envelope(ID, body=body, accepted_unix_ms=accepted, body_ref=body_ref))
    request.reply_inbox = inbox
    request.idempotency_key = "my key"
    request.body_sha256 = sha or hashlib.sha256(body).digest()
    return request.SerializeToString()


async def stored_result(bus: Bus, body: bytes = b"{}", outcome: Outcome = Outcome.OUTCOME_COMPLETED) -> None:
    fields = results.result_headers(ID, 1, outcome, 200, results.JSON)
    assert await results.store(bus, "acme", ID, body, fields)


async def record(bus: Bus) -> KeyRecord:
    value = await bus.get(topology.KEY_BUCKET, topology.key_record("acme", ID))
    assert value is not None
    return codec.decode_key_record(value)


async def test_the_first_request_goes_on_and_is_remembered(bus: Bus, running: Running) -> None:
    async with running():
        stored = await bus.publish_durable("requests.acme", keyed())
        await settled(bus)
    assert list((await waiting(bus)).values()) == [1]
    assert await record(bus) == KeyRecord(
        body_sha256=hashlib.sha256(BODY).digest(), requests_seq=stored.seq, accepted_unix_ms=5
    )


async def test_a_redelivery_of_the_first_one_goes_on(bus: Bus, running: Running) -> None:
    stored = await bus.publish_durable("requests.acme", keyed())
    # Another classifier died after it had written the record.
    first = KeyRecord(body_sha256=hashlib.sha256(BODY).digest(), requests_seq=stored.seq, accepted_unix_ms=5)
    await bus.put(topology.KEY_BUCKET, topology.key_record("acme", ID), first.SerializeToString())
    async with running():
        await settled(bus)
    assert list((await waiting(bus)).values()) == [1]


async def test_another_body_is_refused_and_the_first_request_is_left_alone(bus: Bus, running: Running) -> None:
    inbox = await inbox_of(bus)
    async with running():
        await bus.publish_durable("requests.acme", keyed())
        await settled(bus)
        await bus.publish_durable("requests.acme", keyed(OTHER_BODY, "door.2", accepted=6))
        message = await asyncio.wait_for(inbox.get(), 5)
        await settled(bus)
    frame = Frame.FromString(message.data)
    error = json.loads(frame.data)["error"]
    assert message.subject == "replies.acme.door.2"
    assert (frame.head.http_status, frame.terminal.http_status, frame.terminal.code) == (
        409,
        409,
        "idempotency_key_reused",
    )
    assert (error["code"], error["type"], error["param"]) == (
        "idempotency_key_reused",
        "invalid_request_error",
        "Idempotency-Key",
    )
    assert await results.load(bus, "acme", ID) is None
    assert list((await waiting(bus)).values()) == [1]


async def test_a_repetition_is_dropped_and_told_nothing_while_the_first_one_goes_on(bus: Bus, running: Running) -> None:
    inbox = await inbox_of(bus)
    async with running() as context:
        await bus.publish_durable("requests.acme", keyed())
        await bus.publish_durable("requests.acme", keyed(inbox="door.2", accepted=6))
        await settled(bus)
        await bus.flush()
        dropped = context.registry.get_sample_value("tokenlane_classifier_repeated_total", {"standing": "repetition"})
    assert dropped == 1
    assert inbox.empty()
    assert list((await waiting(bus)).values()) == [1]


async def test_a_repetition_of_what_has_ended_is_told_so(bus: Bus, running: Running) -> None:
    inbox = await inbox_of(bus)
    async with running():
        await bus.publish_durable("requests.acme", keyed())
        await settled(bus)
        await stored_result(bus)
        await bus.publish_durable("requests.acme", keyed(inbox="door.2", accepted=6))
        message = await asyncio.wait_for(inbox.get(), 5)
    frame = Frame.FromString(message.data)
    assert message.subject == "replies.acme.door.2"
    assert frame.terminal.outcome == Outcome.OUTCOME_COMPLETED
    assert (frame.HasField("head"), frame.data) == (False, b"")


async def test_a_bare_repetition_gets_the_result_itself(bus: Bus, running: Running) -> None:
    inbox = await inbox_of(bus)
    sent = {headers.IDEMPOTENCY_KEY: "my key", headers.REPLY_INBOX: "mine"}
    async with running():
        await bus.publish_durable("requests.acme", BODY, sent)
        await settled(bus)
        await stored_result(bus, b'{"answer": 1}')
        await bus.publish_durable("requests.acme", BODY, sent)
        message = await asyncio.wait_for(inbox.get(), 5)
    assert (message.subject, message.data) == ("replies.acme.mine", b'{"answer": 1}')
    assert (message.headers[headers.OUTCOME], message.headers[headers.STATUS]) == ("completed", "200")
    assert list((await waiting(bus)).values()) == [1]


async def first_used_long_ago(bus: Bus) -> None:
    first = KeyRecord(body_sha256=hashlib.sha256(BODY).digest(), requests_seq=10_000, accepted_unix_ms=5)
    await bus.put(topology.KEY_BUCKET, topology.key_record("acme", ID), first.SerializeToString())


async def test_a_repetition_of_what_nobody_has_any_more_is_told_that_the_answer_is_gone(
    bus: Bus, running: Running
) -> None:
    inbox = await inbox_of(bus)
    await first_used_long_ago(bus)
    async with running():
        await bus.publish_durable("requests.acme", keyed(accepted=6))
        frame = Frame.FromString((await asyncio.wait_for(inbox.get(), 5)).data)
        await settled(bus)
    assert (frame.terminal.http_status, frame.terminal.code) == (410, "result_gone")
    assert await results.load(bus, "acme", ID) is None
    assert not await waiting(bus)


async def test_what_is_old_and_still_runs_is_not_gone(bus: Bus, running: Running) -> None:
    inbox = await inbox_of(bus)

    def runs(message: Message) -> None:
        bus.post(message.reply, RequestStatus(state=RequestState.REQUEST_STATE_RUNNING).SerializeToString())

    await bus.subscribe("status.acme", runs)
    await first_used_long_ago(bus)
    async with running():
        await bus.publish_durable("requests.acme", keyed(accepted=6))
        await settled(bus)
        await bus.flush()
    assert inbox.empty()


@pytest.mark.parametrize(
    ("sha", "accepted", "stays"),
    [
        # The publisher sent its one message again: the first one needs the body.
        (b"x" * 32, 5, True),
        (b"x" * 32, 6, False),
        (b"y" * 32, 6, False),
    ],
)
async def test_the_body_that_a_dropped_request_brought_is_removed(
    bus: Bus, running: Running, sha: bytes, accepted: int, stays: bool
) -> None:
    ref = BodyRef(object=f"acme.{ID}.one", size=len(BODY), sample=BODY)
    await bus.put_object(topology.BODY_STORE, ref.object, BODY)
    async with running():
        await bus.publish_durable("requests.acme", keyed(b"", sha=b"x" * 32))
        await settled(bus)
        again = keyed(b"", sha=sha, accepted=accepted, body_ref=ref)
        await bus.publish_durable("requests.acme", again)
        await settled(bus)
    assert (await bus.get_object(topology.BODY_STORE, ref.object) is not None) == stays


async def test_a_broken_body_under_a_used_key_does_not_end_the_first_request(bus: Bus, running: Running) -> None:
    inbox = await inbox_of(bus)
    sent = {headers.IDEMPOTENCY_KEY: "my key", headers.REPLY_INBOX: "mine"}
    async with running():
        await bus.publish_durable("requests.acme", BODY, sent)
        await bus.publish_durable("requests.acme", b"{ broken", sent)
        message = await asyncio.wait_for(inbox.get(), 5)
        await settled(bus)
    assert (message.headers[headers.STATUS], message.headers[headers.CODE]) == ("409", "idempotency_key_reused")
    assert await results.load(bus, "acme", ID) is None


async def test_a_broken_body_under_a_new_key_is_its_result(bus: Bus, running: Running) -> None:
    async with running():
        await bus.publish_durable("requests.acme", b"{ broken", {headers.IDEMPOTENCY_KEY: "my key"})
        await settled(bus)
    error, _ = await error_of(bus, ID)
    assert error["code"] == "invalid_request"


async def test_a_record_that_cannot_be_read_does_not_hold_a_request_up(bus: Bus, running: Running) -> None:
    await bus.put(topology.KEY_BUCKET, topology.key_record("acme", ID), b"\xff")
    async with running():
        await bus.publish_durable("requests.acme", keyed())
        await settled(bus)
    assert list((await waiting(bus)).values()) == [1]


async def test_tenants_may_use_the_same_key(bus: Bus, running: Running) -> None:
    async with running():
        await bus.publish_durable("requests.acme", keyed())
        await bus.publish_durable("requests.other", keyed(OTHER_BODY))
        await settled(bus)
    assert sum((await waiting(bus)).values()) == 2
