"""Requests with an idempotency key: asked twice, answered once, and gone on with."""

import asyncio
import json
from hashlib import sha256

import pytest

from tests.support.waiting import until
from tests.unit.ingress.conftest import CHAT, House
from tests.unit.ingress.records import KEY, KEYED_ID, record_key
from tests.unit.ingress.upstream import events, whole
from tokenlane.v1.recovery_pb2 import RequestState, RequestStatus
from tokenlane.v1.reply_pb2 import Frame, Outcome
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis import clock, results
from tokenlane_chassis.bus import Message
from tokenlane_ingress import forgotten
from tokenlane_proto import headers
from tokenlane_proto.codec import decode_attach
from tokenlane_proto.events import digest, event_id, with_ids
from tokenlane_proto.topology import RESULTS

STREAMED = {**CHAT, "stream": True}
PARTS = [b'data: {"choices":[%d]}\n\n' % number for number in range(3)] + [b"data: [DONE]\n\n"]
STREAM = b"".join(PARTS)
JSON_TYPE = "application/json"


def silent(request: Request) -> list[Frame]:
    return []


async def store(house: House, body: bytes = STREAM, content_type: str = "text/event-stream") -> None:
    fields = results.result_headers(KEYED_ID, 1, Outcome.OUTCOME_COMPLETED, 200, content_type)
    await results.store(house.bus, "acme", KEYED_ID, body, fields)


async def test_a_key_names_the_request_and_goes_along_with_the_bodys_hash(house: House) -> None:
    answer = await house.ask(idempotency_key=KEY, x_request_id="ignored")
    request = await house.upstream.requests.get()
    body_sha256 = sha256(json.dumps(CHAT).encode())
    assert (request.request_id, request.idempotency_key) == (KEYED_ID, KEY)
    assert request.body_sha256 == body_sha256.digest()
    assert house.upstream.headers["Nats-Msg-Id"] == f"acme.{KEYED_ID}.{body_sha256.hexdigest()[:16]}"
    assert answer.headers["x-request-id"] == KEYED_ID
    assert "idempotent-replayed" not in answer.headers


async def test_events_under_a_key_have_ids_and_others_are_as_the_engine_wrote_them(house: House) -> None:
    house.upstream.script = lambda request: events(*PARTS)
    assert (await house.ask(STREAMED, idempotency_key=KEY)).body == with_ids(STREAM, 0, 0)[0]
    assert (await house.ask(STREAMED)).body == STREAM


async def test_a_copy_reads_the_first_ones_answer_and_is_told_so(house: House) -> None:
    house.upstream.script = silent
    first, second = (asyncio.create_task(house.ask(idempotency_key=KEY)) for _ in range(2))
    request = await house.upstream.requests.get()
    await store(house, b"{}", JSON_TYPE)
    house.upstream.send("acme", request, whole(b"{}"))
    answers = await asyncio.wait_for(asyncio.gather(first, second), 5)
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"{}")] * 2
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true"]
    assert house.upstream.requests.empty()
    later = await asyncio.wait_for(house.ask(idempotency_key=KEY), 5)
    assert (later.status, later.body) == (200, b"{}")


async def test_a_copy_attaches_to_what_runs(house: House) -> None:
    house.upstream.script = lambda request: events(PARTS[0], end=None)
    first = asyncio.create_task(house.ask(STREAMED, idempotency_key=KEY))
    request = await house.upstream.requests.get()
    inboxes = [request.reply_inbox]

    def attach(message: Message) -> None:
        inboxes.append(decode_attach(message.data).inbox)
        for inbox in inboxes:
            frame = events(STREAM)[0]
            house.bus.post(f"replies.acme.{inbox}", frame.SerializeToString())

    await house.bus.subscribe("attach.acme", attach)
    second = await asyncio.wait_for(house.ask(STREAMED, idempotency_key=KEY), 5)
    assert second.body == (await first).body == with_ids(STREAM, 0, 0)[0]


async def test_keys_of_tenants_do_not_meet(house: House) -> None:
    for authorization in ("Bearer sk-acme", "Bearer sk-other"):
        answer = await house.ask(idempotency_key=KEY, authorization=authorization)
        assert (answer.status, answer.headers.get("idempotent-replayed")) == (200, None)


async def test_another_body_under_the_same_key_is_a_conflict(house: House) -> None:
    house.upstream.script = silent
    await record_key(house.bus, {"another": "body"})
    running = asyncio.create_task(house.ask(idempotency_key=KEY))
    await house.upstream.requests.get()
    house.bus.reconnect()
    answer = await asyncio.wait_for(running, 5)
    assert (answer.status, answer.error["code"]) == (409, "idempotency_key_reused")
    assert answer.error["param"] == "Idempotency-Key"
    assert house.upstream.cancelled.empty()


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "\x07"])
async def test_a_wrong_key_is_a_400(house: House, key: str) -> None:
    answer = await house.ask(idempotency_key=key)
    assert (answer.status, answer.error["param"]) == (400, "Idempotency-Key")


async def test_a_client_cannot_take_the_id_of_a_key(house: House) -> None:
    answer = await house.ask(x_request_id=KEYED_ID)
    assert answer.status == 200
    assert answer.headers["x-request-id"] != KEYED_ID


@pytest.mark.parametrize("after", [1, 3, 4])
async def test_a_repeated_post_goes_on_after_the_last_event_of_its_client(house: House, after: int) -> None:
    house.upstream.script = silent
    await store(house)
    await record_key(house.bus, STREAMED)
    seen = digest(b"".join(PARTS[:after]))
    for last in (event_id(after, seen), str(after)):
        answer = await asyncio.wait_for(house.ask(STREAMED, idempotency_key=KEY, last_event_id=last), 5)
        assert answer.body == with_ids(b"".join(PARTS[after:]), after, seen)[0]
        assert answer.headers["content-type"] == "text/event-stream"
    # A copy that goes on in mid-answer never gets it from the beginning.
    assert (await house.upstream.requests.get()).reply_inbox == ""


async def test_what_does_not_begin_with_what_was_shown_is_not_shown(house: House) -> None:
    house.upstream.script = silent
    await store(house)
    await record_key(house.bus, STREAMED)
    answer = await asyncio.wait_for(house.ask(STREAMED, idempotency_key=KEY, last_event_id="2-00000001"), 5)
    assert (answer.status, answer.error["code"]) == (409, "stream_diverged")


async def test_a_wrong_last_event_is_a_400(house: House) -> None:
    answer = await house.ask(STREAMED, idempotency_key=KEY, last_event_id="soon")
    assert (answer.status, answer.error["param"]) == (400, "Last-Event-ID")
    # Without a key it says nothing.
    assert (await house.ask(STREAMED, last_event_id="soon")).status == 200


async def test_a_deadline_of_a_copy_is_not_the_requests(house: House) -> None:
    house.upstream.script = silent
    first = asyncio.create_task(house.ask(idempotency_key=KEY))
    request = await house.upstream.requests.get()
    late = await house.ask(idempotency_key=KEY, x_tokenlane_timeout_ms="60")
    assert (late.status, late.error["code"]) == (504, "wait_exceeded")
    assert house.upstream.cancelled.empty()
    house.upstream.send("acme", request, whole(b"{}"))
    assert (await first).status == 200


@pytest.mark.parametrize(("seq", "code"), [(1, "deadline_exceeded"), (7, "wait_exceeded"), (None, "wait_exceeded")])
async def test_a_deadline_ends_the_request_only_if_the_key_was_new(house: House, seq: int | None, code: str) -> None:
    house.upstream.script = silent
    if seq is not None:
        await record_key(house.bus, CHAT, seq)
    answer = await house.ask(idempotency_key=KEY, x_tokenlane_timeout_ms="60")
    assert (answer.status, answer.error["code"]) == (504, code)
    stored = await house.bus.last(RESULTS, f"results.acme.{KEYED_ID}")
    assert (stored is not None) == (not house.upstream.cancelled.empty()) == (seq == 1)


async def test_a_key_whose_answer_is_not_kept_any_more_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgotten, "LOOK_AFTER_S", 0)
    house.upstream.script = silent
    await record_key(house.bus, CHAT, 7, accepted_unix_ms=clock.unix_ms() - 3_700_000)
    answer = await asyncio.wait_for(house.ask(idempotency_key=KEY), 5)
    assert (answer.status, answer.error["code"]) == (410, "result_gone")
    assert house.upstream.cancelled.empty()


@pytest.mark.parametrize(
    ("seq", "age_ms", "runs"), [(1, 3_700_000, False), (7, 3_500_000, False), (7, 3_700_000, True)]
)
async def test_a_key_whose_answer_may_come_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch, seq: int, age_ms: int, runs: bool
) -> None:
    monkeypatch.setattr(forgotten, "LOOK_AFTER_S", 0)
    house.upstream.script = silent
    await record_key(house.bus, CHAT, seq, clock.unix_ms() - age_ms)
    if runs:
        status = RequestStatus(state=RequestState.REQUEST_STATE_RUNNING).SerializeToString()
        await house.bus.subscribe("status.acme", lambda message: house.bus.post(message.reply, status))
    answer = await house.ask(idempotency_key=KEY, x_tokenlane_timeout_ms="400")
    assert answer.status == 504


async def test_after_an_unsure_publication_the_client_asks_again(house: House) -> None:
    house.bus.available = False
    answer = await house.ask(idempotency_key=KEY)
    assert (answer.status, answer.error["code"]) == (503, "bus_unavailable")
    house.bus.available = True
    assert (await house.ask(idempotency_key=KEY)).status == 200
    assert house.upstream.cancelled.empty()


async def test_headers_of_a_stored_answer_are_told_again(house: House) -> None:
    house.upstream.script = silent
    await record_key(house.bus, CHAT)
    fields = results.result_headers(KEYED_ID, 1, Outcome.OUTCOME_COMPLETED, 200, JSON_TYPE)
    await results.store(house.bus, "acme", KEYED_ID, b"{}", {**fields, headers.LANE: "long", headers.SIMULATED: "true"})
    running = asyncio.create_task(house.ask(idempotency_key=KEY))
    await until(lambda: not house.upstream.requests.empty())
    house.bus.reconnect()
    answer = await asyncio.wait_for(running, 5)
    assert (answer.headers["x-tokenlane-lane"], answer.headers["x-tokenlane-simulated"]) == ("long", "true")
