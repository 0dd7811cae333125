"""An error reaches whoever waits, in the form they asked for, and is stored."""

import asyncio
import json

import pytest

from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.results import JSON, Result, load, publish_error, result_headers, store
from tokenlane_proto import codec, headers, topology


async def posted_for(request: Request, attempt: int = 1, seq: int = 0, begun: bool = False) -> FakeBus:
    bus = FakeBus()
    await publish_error(
        bus,
        "acme",
        request,
        status=404,
        message="no such model",
        code="c",
        param="p",
        attempt=attempt,
        seq=seq,
        begun=begun,
    )
    await asyncio.sleep(0)
    return bus


async def test_an_envelope_is_answered_by_one_frame() -> None:
    bus = await posted_for(Request(request_id="r1", reply_inbox="door.1"), attempt=2)
    (message,) = bus.posted
    frame = codec.decode_frame(message.data)
    assert message.subject == "replies.acme.door.1"
    assert (frame.attempt, frame.seq, frame.head.http_status) == (2, 0, 404)
    assert (frame.terminal.outcome, frame.terminal.reason) == (Outcome.OUTCOME_FAILED, "no such model")
    assert (frame.terminal.error_type, frame.terminal.code) == ("invalid_request_error", "c")
    error = json.loads(frame.data)["error"]
    assert error == {"message": "no such model", "type": "invalid_request_error", "param": "p", "code": "c"}


async def test_an_answer_that_has_begun_is_ended_without_a_second_head() -> None:
    bus = await posted_for(Request(request_id="r1", reply_inbox="door.1"), seq=3, begun=True)
    frame = codec.decode_frame(bus.posted[0].data)
    assert (frame.seq, frame.HasField("head"), frame.data) == (3, False, b"")


async def test_a_bare_request_is_answered_plainly() -> None:
    plain = Request(request_id="r1", reply_inbox="mine", reply_format=ReplyFormat.REPLY_FORMAT_PLAIN)
    (message,) = (await posted_for(plain)).posted
    assert json.loads(message.data)["error"]["code"] == "c"
    assert (message.headers[headers.STATUS], message.headers[headers.OUTCOME]) == ("404", "failed")


async def test_without_an_inbox_the_result_is_stored_all_the_same() -> None:
    bus = await posted_for(Request(request_id="r1"))
    assert bus.posted == []
    stored = await bus.last(topology.RESULTS, "results.acme.r1")
    assert stored is not None
    assert (stored.headers[headers.REASON], stored.headers[headers.CODE]) == ("no such model", "c")


async def test_what_could_not_be_stored_is_told() -> None:
    bus = FakeBus(available=False)
    with pytest.raises(BusUnavailableError):
        await publish_error(bus, "acme", Request(request_id="r1", reply_inbox="door.1"), status=500, message="x")
    assert bus.posted == []


async def test_everyone_who_waits_is_told() -> None:
    bus = FakeBus()
    request = Request(request_id="r1", reply_inbox="mine", reply_format=ReplyFormat.REPLY_FORMAT_PLAIN)
    told = await publish_error(
        bus, "acme", request, status=500, message="x", first_event=7, begun=True, inboxes=("door.1", "mine", "door.2")
    )
    assert told
    assert [message.subject for message in bus.posted] == [f"replies.acme.{to}" for to in ("mine", "door.1", "door.2")]
    frame = codec.decode_frame(bus.posted[1].data)
    assert (frame.first_event, frame.terminal.http_status) == (7, 500)


async def test_an_error_after_the_result_is_told_to_nobody() -> None:
    bus = FakeBus()
    fields = result_headers("r1", 1, Outcome.OUTCOME_COMPLETED, 200, JSON)
    assert await store(bus, "acme", "r1", b"{}", fields)
    request = Request(request_id="r1", reply_inbox="door.1")
    assert not await publish_error(bus, "acme", request, status=500, message="x", inboxes=("door.2",))
    assert bus.posted == []
    assert await load(bus, "acme", "r1") == Result(b"{}", fields)


@pytest.mark.parametrize("size", [0, 10, 200_000])
async def test_the_first_result_is_kept_whatever_its_size(size: int) -> None:
    bus = FakeBus(max_payload=100_000)
    assert await load(bus, "acme", "r1") is None
    assert await store(bus, "acme", "r1", b"x" * size, {headers.STATUS: "200"})
    assert not await store(bus, "acme", "r1", b"y" * size, {headers.STATUS: "500"})
    found = await load(bus, "acme", "r1")
    assert found is not None
    assert (found.body, found.headers[headers.STATUS]) == (b"x" * size, "200")
    assert len(bus.objects) == (size > bus.max_payload), "the bytes of the second are gone"


async def test_a_result_whose_bytes_are_gone_is_none() -> None:
    bus = FakeBus(max_payload=1_000)
    await store(bus, "acme", "r1", b"x" * 2_000, {})
    bus.objects.clear()
    assert await load(bus, "acme", "r1") is None
