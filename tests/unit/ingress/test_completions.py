"""From the client's request to the bus, and the answer back."""

import asyncio
import json
from collections.abc import Coroutine

import pytest

from tests.unit.ingress.asking import Answer, Asking
from tests.unit.ingress.conftest import AUTHORIZED, CHAT, CHAT_PATH, House
from tests.unit.ingress.upstream import JSON_HEAD, SSE_HEAD, events, whole
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal, Usage
from tokenlane.v1.request_pb2 import Endpoint, Priority, Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Message, Stored
from tokenlane_chassis.errors import MessageTooLargeError, StreamFullError
from tokenlane_ingress import errors, vigil
from tokenlane_proto.codec import decode_attach
from tokenlane_proto.topology import RESULTS, TENANT_BUCKET

COMPLETED = Outcome.OUTCOME_COMPLETED
JSON_TYPE = "application/json"
FAILED = Terminal(outcome=Outcome.OUTCOME_FAILED, reason="the engine broke", http_status=502)


def silent(request: Request) -> list[Frame]:
    return []


async def test_a_request_goes_to_its_tenant_unchanged_and_the_answer_comes_back(house: House) -> None:
    body = (
        b'{ "model":"org/model-1.5", "messages":[{"role":"user","content":"\xc3\xa9"}], "top_k": 7, "max_tokens": 5 }'
    )
    answer = await house.ask(body)
    request = await house.upstream.requests.get()
    assert request.body == body
    assert request.endpoint == Endpoint.ENDPOINT_CHAT_COMPLETIONS
    assert (request.facts.model, request.facts.stream, request.facts.max_output_tokens) == (CHAT["model"], False, 5)
    assert request.deadline_unix_ms - request.accepted_unix_ms == 20_000
    assert house.upstream.headers["Nats-Msg-Id"] == f"acme.{request.request_id}"
    assert (answer.status, answer.body) == (200, b'{"object":"chat.completion"}')
    assert answer.headers == {
        "content-type": "application/json",
        "content-length": "28",
        "x-request-id": request.request_id,
        "x-tokenlane-lane": "short",
        "x-tokenlane-budget-tokens": "96",
        "x-tokenlane-budget-output-tokens": "5",
        "x-tokenlane-queue-ms": "1.5",
    }
    assert house.upstream.cancelled.empty()


async def test_headers_tell_what_an_answer_took(house: House) -> None:
    usage = Usage(prompt_tokens=90, completion_tokens=3)
    counted = Terminal(outcome=COMPLETED, usage=usage)
    house.upstream.script = lambda request: [Frame(attempt=1, head=JSON_HEAD, data=b"{}", terminal=counted)]
    answer = await house.ask(CHAT)
    assert answer.headers["x-tokenlane-prompt-tokens"] == "90"
    assert answer.headers["x-tokenlane-completion-tokens"] == "3"


async def test_the_other_endpoint_and_a_simulated_answer_are_named(house: House) -> None:
    head = Head(http_status=200, content_type="application/json", simulated=True)
    house.upstream.script = lambda request: whole(b"{}", head)
    answer = await house.ask({"model": CHAT["model"], "prompt": "Hello"}, "/v1/completions")
    assert answer.headers["x-tokenlane-simulated"] == "true"
    assert (await house.upstream.requests.get()).endpoint == Endpoint.ENDPOINT_COMPLETIONS


async def test_an_error_of_the_engine_passes_through(house: House) -> None:
    head = Head(http_status=400, content_type="application/json; charset=utf-8")
    house.upstream.script = lambda request: whole(b'{"error": {"message": "no such role"}}', head)
    answer = await house.ask({**CHAT, "stream": True})
    assert (answer.status, answer.body) == (400, b'{"error": {"message": "no such role"}}')
    assert answer.headers["content-type"] == head.content_type


async def test_a_stream_is_written_as_it_comes(house: House) -> None:
    house.upstream.script = silent
    asking = house.asking({**CHAT, "stream": True})
    running = asyncio.create_task(asking())
    request = await house.upstream.requests.get()
    for seq, part in enumerate((b"data: 1\n\n", b"data: 2\n\n")):
        house.upstream.send("acme", request, [events(b"data: 1\n\n", b"data: 2\n\n", end=None)[seq]])
        assert await asyncio.wait_for(asking.written.get(), 5) == part
    house.upstream.send("acme", request, events(b"data: [DONE]\n\n", first=2))
    answer = await asyncio.wait_for(running, 5)
    assert answer.body == b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"
    assert answer.headers["content-type"] == SSE_HEAD.content_type
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-length" not in answer.headers


async def test_a_stream_that_fails_ends_with_an_error_event(house: House) -> None:
    house.upstream.script = lambda request: events(b"data: 1\n\n", b"", end=FAILED)
    answer = await house.ask({**CHAT, "stream": True})
    first, last = answer.body.decode().strip().split("\n\n")
    assert (answer.status, first) == (200, "data: 1")
    assert json.loads(last.removeprefix("data: "))["error"]["message"] == "the engine broke"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_before_the_first_byte_is_an_error_answer(house: House, stream: bool) -> None:
    house.upstream.script = lambda request: [Frame(attempt=1, seq=0, terminal=FAILED)]
    answer = await house.ask({**CHAT, "stream": stream})
    assert (answer.status, answer.error["message"]) == (502, "the engine broke")
    assert house.upstream.cancelled.empty()


async def test_a_lost_frame_is_fetched_and_the_stream_goes_on(house: House) -> None:
    parts = b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n"
    house.upstream.script = lambda request: events(*parts)[::2]

    def catch_up(message: Message) -> None:
        attach = decode_attach(message.data)
        assert (attach.request_id, attach.first_event) == ("mine-1", 1)
        rest = events(b"".join(parts[1:]), first=1)
        house.bus.post(f"replies.acme.{attach.inbox}", rest[0].SerializeToString())

    await house.bus.subscribe("attach.acme", catch_up)
    answer = await house.ask({**CHAT, "stream": True}, x_request_id="mine-1")
    assert answer.body == b"".join(parts)
    assert house.upstream.cancelled.empty()


async def test_the_deadline_is_the_clients_within_the_limit(house: House) -> None:
    for asked, granted in (("1500", 1_500), ("99999999", 20_000)):
        await house.ask(x_tokenlane_timeout_ms=asked)
        request = await house.upstream.requests.get()
        assert request.deadline_unix_ms - request.accepted_unix_ms == granted


async def test_a_tenant_may_have_a_deadline_of_its_own_for_requests_that_do_not_say(house: House) -> None:
    async def granted(asked: Coroutine[None, None, Answer]) -> int:
        await asked
        request = await house.upstream.requests.get()
        return request.deadline_unix_ms - request.accepted_unix_ms

    policy = TenantPolicy(timeout_ms=3_000).SerializeToString()
    await house.bus.put(TENANT_BUCKET, "acme", policy)
    assert await granted(house.ask()) == 3_000
    assert await granted(house.ask(x_tokenlane_timeout_ms="5000")) == 5_000
    assert await granted(house.ask(authorization="Bearer sk-other")) == 20_000
    await house.bus.put(TENANT_BUCKET, "acme", b"\xff broken")
    assert await granted(house.ask()) == 3_000
    await house.bus.put(TENANT_BUCKET, "acme", TenantPolicy(timeout_ms=90_000).SerializeToString())
    assert await granted(house.ask()) == 20_000
    await house.bus.delete(TENANT_BUCKET, "acme")
    assert await granted(house.ask()) == 20_000


async def test_how_soon_and_before_whom_goes_along(house: House) -> None:
    await house.ask(x_tokenlane_priority="batch", x_tokenlane_ttft_ms="2500")
    request = await house.upstream.requests.get()
    assert (request.priority, request.ttft_limit_ms) == (Priority.PRIORITY_BATCH, 2_500)
    await house.ask()
    request = await house.upstream.requests.get()
    assert (request.priority, request.ttft_limit_ms) == (Priority.PRIORITY_UNSPECIFIED, 0)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_deadline_that_passes_is_a_504_and_stops_the_work(house: House, begun: bool) -> None:
    house.upstream.script = lambda request: events(b"data: 1\n\n", end=None) if begun else []
    answer = await house.ask({**CHAT, "stream": True}, x_tokenlane_timeout_ms="60", x_request_id="late")
    assert answer.status == (200 if begun else 504)
    assert b"deadline_exceeded" in answer.body
    assert await asyncio.wait_for(house.upstream.cancelled.get(), 5) == "late"
    stored = await house.bus.last(RESULTS, "results.acme.late")
    assert stored is not None
    assert (stored.headers["Tokenlane-Outcome"], stored.headers["Tokenlane-Status"]) == ("expired", "504")


async def test_a_deadline_that_passes_together_with_the_end_shows_the_end(house: House) -> None:
    house.upstream.script = silent
    running = asyncio.create_task(house.ask(x_tokenlane_timeout_ms="60", x_request_id="just"))
    await house.upstream.requests.get()
    await results.store(house.bus, "acme", "just", b"{}", results.result_headers("just", 1, COMPLETED, 200, JSON_TYPE))
    answer = await running
    assert (answer.status, answer.body) == (200, b"{}")


async def test_a_deadline_is_kept_without_the_bus(house: House) -> None:
    house.upstream.script = silent
    running = asyncio.create_task(house.ask(x_tokenlane_timeout_ms="60"))
    await house.upstream.requests.get()
    house.bus.drop_connection()
    assert (await asyncio.wait_for(running, 5)).status == 504


async def test_a_request_that_somebody_cancels_is_told_at_once(house: House) -> None:
    house.upstream.script = silent
    running = asyncio.create_task(house.ask(x_request_id="unwanted"))
    await house.upstream.requests.get()
    assert (await house.get("/v1/requests/unwanted", "DELETE")).status == 200
    answer = await asyncio.wait_for(running, 2)
    assert (answer.status, answer.error["code"]) == (499, "cancelled")


@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_leaves_stops_the_work(house: House, begun: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "WATCH_AFTER_S", 0)
    house.upstream.script = lambda request: events(b"data: 1\n\n", end=None) if begun else []
    asking = house.asking({**CHAT, "stream": True}, x_request_id="gone")
    running = asyncio.create_task(asking())
    await house.upstream.requests.get()
    asking.leave()
    await asyncio.wait_for(running, 5)
    assert await asyncio.wait_for(house.upstream.cancelled.get(), 5) == "gone"
    assert b'status="gone"} 1.0' in (await house.get("/metrics")).body


async def test_a_client_that_leaves_while_it_sends_is_forgotten(house: House) -> None:
    asking = Asking(house.door.app, CHAT_PATH, b'{"model":', headers=AUTHORIZED, complete=False)
    asking.leave()
    assert (await asyncio.wait_for(asking(), 5)).status == 0
    assert house.upstream.requests.empty()


async def test_the_clients_request_id_is_taken_where_it_can_be(house: House) -> None:
    assert (await house.ask(x_request_id="order-77")).headers["x-request-id"] == "order-77"
    assert (await house.upstream.requests.get()).request_id == "order-77"
    other = (await house.ask(x_request_id="not a token")).headers["x-request-id"]
    assert other != "not a token"
    assert (await house.ask(b"{}", x_request_id="order-78")).headers["x-request-id"] == "order-78"


async def test_a_request_id_names_one_request(house: House) -> None:
    house.upstream.script = silent
    running = asyncio.create_task(house.ask(x_request_id="twice"))
    request = await house.upstream.requests.get()
    in_flight = await house.ask(x_request_id="twice")
    assert (in_flight.status, in_flight.error["code"]) == (409, "request_id_in_use")
    house.upstream.send("acme", request, whole(b"{}"))
    assert (await running).status == 200
    assert (await house.ask(x_request_id="twice")).status == 409
    assert house.upstream.cancelled.empty()


async def test_a_request_id_is_not_used_again_while_its_answer_is_stored(house: House) -> None:
    await house.bus.publish_once("results.acme.old", b"the first one's", {})
    again = await house.ask(x_request_id="old")
    assert (again.status, again.error["code"]) == (409, "request_id_in_use")
    assert house.upstream.requests.empty()


async def test_ids_of_tenants_do_not_meet(house: House) -> None:
    assert (await house.ask(x_request_id="same")).status == 200
    assert (await house.ask(x_request_id="same", authorization="Bearer sk-other")).status == 200


async def test_a_frame_on_another_tenants_subject_reaches_nobody(house: House) -> None:
    house.upstream.script = silent
    running = asyncio.create_task(house.ask())
    request = await house.upstream.requests.get()
    house.upstream.send("other", request, whole(b"forged"))
    house.bus.post(f"replies.acme.{request.reply_inbox}", b"\xff not a frame")
    house.upstream.send("acme", request, whole(b"{}"))
    assert (await asyncio.wait_for(running, 5)).body == b"{}"


async def test_a_bus_that_does_not_answer_is_a_503_that_says_when(house: House) -> None:
    house.bus.available = False
    answer = await house.ask(x_request_id="unsure")
    assert (answer.status, answer.error["code"], answer.headers["retry-after"]) == (503, "bus_unavailable", "1")
    # It may have been stored all the same.
    assert await asyncio.wait_for(house.upstream.cancelled.get(), 5) == "unsure"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(StreamFullError("full"), 429, "queue_full"), (MessageTooLargeError("big"), 413, "request_too_large")],
)
async def test_what_the_bus_refuses_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    async def refuse(*_: object) -> Stored:
        raise error

    monkeypatch.setattr(house.bus, "publish_durable", refuse)
    answer = await house.ask()
    assert (answer.status, answer.error["code"]) == (status, code)
    assert ("retry-after" in answer.headers) == (status == 429)


async def test_giving_up_ends_every_request(house: House) -> None:
    house.upstream.script = lambda request: events(b"data: 1\n\n", end=None) if request.facts.stream else []
    running = [asyncio.create_task(house.ask({**CHAT, "stream": stream})) for stream in (False, True)]
    for _ in running:
        await house.upstream.requests.get()
    house.door.exchanges.finish_all(errors.shutting_down())
    whole_answer, streamed = await asyncio.gather(*running)
    assert (whole_answer.status, whole_answer.headers["retry-after"]) == (503, "1")
    assert b"shutting_down" in streamed.body


async def test_a_sampled_trace_context_goes_along(house: House) -> None:
    for flags, carried in (("01", True), ("00", False), ("zz", False)):
        context = f"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}"
        await house.ask(traceparent=context)
        assert (house.upstream.headers.get("traceparent") == context) == carried
