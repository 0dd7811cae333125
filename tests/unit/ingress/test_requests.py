"""What became of a request, its events, and its cancellation."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.waiting import until
from tests.unit.ingress.asking import Asking
from tests.unit.ingress.conftest import CHAT, MODEL, House
from tests.unit.ingress.records import KEYED_ID, record_key
from tests.unit.ingress.upstream import events
from tokenlane.v1.recovery_pb2 import RequestState, RequestStatus
from tokenlane.v1.reply_pb2 import Frame, Outcome
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Message
from tokenlane_proto import headers, subjects
from tokenlane_proto.events import digest, event_id, with_ids
from tokenlane_proto.topology import RESULTS

PARTS = [b'data: {"choices":[%d]}\n\n' % number for number in range(3)] + [b"data: [DONE]\n\n"]
STREAM = b"".join(PARTS)
SSE_TYPE = "text/event-stream; charset=utf-8"
OTHER = "Bearer sk-other"


def silent(request: Request) -> list[Frame]:
    return []


async def store(
    house: House,
    body: bytes,
    content_type: str = "application/json",
    outcome: Outcome = Outcome.OUTCOME_COMPLETED,
    status: int = 200,
    request_id: str = "r1",
) -> None:
    fields = {
        **results.result_headers(request_id, 2, outcome, status, content_type),
        headers.LANE: "short",
        headers.PROMPT_TOKENS: "3",
        headers.COMPLETION_TOKENS: "5",
        headers.BUDGET_TOKENS: "96",
    }
    await results.store(house.bus, "acme", request_id, body, fields)


async def know(house: House, *told: RequestStatus) -> None:
    """Processes that know the request r1 of acme."""
    for status in told:

        def tell(message: Message, status: RequestStatus = status) -> None:
            if message.data == b"r1":
                house.bus.post(message.reply, status.SerializeToString())

        await house.bus.subscribe("status.acme", tell)


async def tell(house: House, request_id: str = "r1") -> dict[str, Any]:
    answer = await house.get(f"/v1/requests/{request_id}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    told: dict[str, Any] = json.loads(answer.body)
    return told


async def test_a_request_that_ended_is_told_with_its_answer(house: House) -> None:
    await store(house, b'{"object":"chat.completion"}')
    assert await tell(house) == {
        "id": "r1",
        "object": "request",
        "status": "completed",
        "created": None,
        "model": None,
        "lane": "short",
        "attempt": 2,
        "queue_position": None,
        "expected_start_ms": None,
        "events": None,
        "budget_tokens": 96,
        "usage": {"prompt_tokens": 3, "completion_tokens": 5},
        "response": {"status": 200, "content_type": "application/json", "body": {"object": "chat.completion"}},
    }


@pytest.mark.parametrize(("body", "content_type"), [(STREAM, SSE_TYPE), (b'{"broken', "application/json")])
async def test_an_answer_that_is_no_json_is_told_as_text(house: House, body: bytes, content_type: str) -> None:
    await store(house, body, content_type)
    assert (await tell(house))["response"]["body"] == body.decode()


async def test_how_a_request_failed_is_told(house: House) -> None:
    await store(house, b'{"error":{}}', outcome=Outcome.OUTCOME_EXPIRED, status=504)
    told = await tell(house)
    assert (told["status"], told["response"]["status"], told["response"]["body"]) == ("expired", 504, {"error": {}})


async def test_a_running_request_is_told_by_who_is_nearest_to_it(house: House) -> None:
    running = RequestStatus(
        state=RequestState.REQUEST_STATE_RUNNING, lane="short", model=MODEL, attempt=2, events=7, budget_tokens=96
    )
    accepted = RequestStatus(state=RequestState.REQUEST_STATE_ACCEPTED, model=MODEL, accepted_unix_ms=1_700_000_000_123)
    await know(house, running, accepted)
    told = await tell(house)
    assert (told["status"], told["attempt"], told["events"], told["lane"]) == ("running", 2, 7, "short")
    assert (told["created"], told["budget_tokens"], told["response"]) == (1_700_000_000, 96, None)


async def test_a_waiting_request_is_told_its_place_in_the_queue(house: House) -> None:
    for number in range(3):
        await house.bus.publish_durable(subjects.lane("short", "short", MODEL, "other", 96), b"%d" % number)
    ahead_of_it = await house.bus.publish_durable(subjects.lane("short", "short", MODEL, "acme", 96), b"r1")
    await house.bus.publish_durable(subjects.lane("short", "short", MODEL, "acme", 96), b"behind")
    await house.bus.publish_durable(subjects.lane("long", "long", MODEL, "acme", 96), b"elsewhere")
    queued = RequestState.REQUEST_STATE_QUEUED
    await know(house, RequestStatus(state=queued, lane="short", model=MODEL, lane_seq=ahead_of_it.seq))
    told = await tell(house)
    assert (told["status"], told["queue_position"]) == ("queued", 4)


async def test_who_lets_requests_in_knows_better(house: House) -> None:
    queued = RequestStatus(state=RequestState.REQUEST_STATE_QUEUED, lane="short", model=MODEL, lane_seq=9)
    told = RequestStatus(state=RequestState.REQUEST_STATE_QUEUED, ahead=0, expected_start_ms=3_400)
    await know(house, queued, told)
    waiting = await tell(house)
    assert (waiting["status"], waiting["lane"]) == ("queued", "short")
    assert (waiting["queue_position"], waiting["expected_start_ms"]) == (1, 3_400)


async def test_what_runs_has_no_place_in_the_queue(house: House) -> None:
    stale = RequestStatus(state=RequestState.REQUEST_STATE_QUEUED, ahead=3, expected_start_ms=3_400)
    await know(house, stale, RequestStatus(state=RequestState.REQUEST_STATE_RUNNING, attempt=1))
    running = await tell(house)
    assert (running["status"], running["queue_position"], running["expected_start_ms"]) == ("running", None, None)


async def test_a_request_of_this_door_is_known_before_anybody_has_it(house: House) -> None:
    house.upstream.script = silent
    asking = house.asking(x_request_id="mine")
    running = asyncio.create_task(asking())
    request = await house.upstream.requests.get()
    told = await tell(house, "mine")
    assert (told["status"], told["model"]) == ("accepted", MODEL)
    assert told["created"] == request.accepted_unix_ms // 1000
    assert (await house.get("/v1/requests/mine", authorization=OTHER)).status == 404
    house.door.give_up()
    await running
    assert (await house.get("/v1/requests/mine")).status == 404


async def test_a_key_that_is_known_is_enough(house: House) -> None:
    await record_key(house.bus, CHAT)
    assert (await tell(house, KEYED_ID))["status"] == "accepted"


@pytest.mark.parametrize("path", ["r1", "r1/events", "not%20a%20token", "a.b", "x" * 65])
async def test_an_unknown_request_is_a_404(house: House, path: str) -> None:
    answer = await house.get(f"/v1/requests/{path}")
    assert (answer.status, answer.error["code"]) == (404, "request_not_found")


async def test_a_request_is_its_tenants_alone(house: House) -> None:
    await store(house, b"{}")
    for method, path in (("GET", "r1"), ("GET", "r1/events"), ("DELETE", "r1")):
        answer = await house.get(f"/v1/requests/{path}", method, authorization=OTHER)
        assert (answer.status, answer.error["code"]) == (404, "request_not_found")
    assert (await Asking(house.door.app, "/v1/requests/r1", method="GET")()).status == 401
    assert house.upstream.cancelled.empty()


@pytest.mark.parametrize("path", ["/v1/requests", "/v1/requests/", "/v1/requests/r1/", "/v1/requests/r1/events/x"])
async def test_other_paths_are_unknown(house: House, path: str) -> None:
    answer = await house.get(path)
    assert (answer.status, answer.error["code"]) == (404, "unknown_url")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "r1", "GET, HEAD, DELETE, OPTIONS"), ("DELETE", "r1/events", "GET, HEAD, OPTIONS")],
)
async def test_other_methods_are_refused(house: House, method: str, path: str, allowed: str) -> None:
    answer = await house.get(f"/v1/requests/{path}", method)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


async def test_without_the_bus_nothing_is_known_to_be_missing(house: House) -> None:
    house.bus.drop_connection()
    for method, path in (("GET", "r1"), ("GET", "r1/events"), ("DELETE", "r1")):
        answer = await house.get(f"/v1/requests/{path}", method)
        assert (answer.status, answer.error["code"]) == (503, "bus_unavailable")


@pytest.mark.parametrize("after", [0, 2, 4])
async def test_events_come_with_ids_from_where_the_client_says(house: House, after: int) -> None:
    await store(house, STREAM, SSE_TYPE)
    seen = digest(b"".join(PARTS[:after]))
    rest = with_ids(b"".join(PARTS[after:]), after, seen)[0]
    path = "/v1/requests/r1/events"
    assert (await house.get(f"{path}?x=y&starting_after={after}")).body == rest
    answer = await house.get(path, last_event_id=event_id(after, seen))
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, rest, SSE_TYPE)
    # A client that reconnects repeats its query; its header is newer.
    assert (await house.get(f"{path}?starting_after=1", last_event_id=str(after))).body == rest


@pytest.mark.parametrize(
    ("query", "last", "param"),
    [
        ("?starting_after=-1", "", "starting_after"),
        ("?starting_after=", "", "starting_after"),
        ("", "x", "Last-Event-ID"),
    ],
)
async def test_a_wrong_position_is_a_400(house: House, query: str, last: str, param: str) -> None:
    answer = await house.get(f"/v1/requests/r1/events{query}", last_event_id=last)
    assert (answer.status, answer.error["param"]) == (400, param)


async def test_events_that_do_not_begin_with_what_was_shown_are_refused(house: House) -> None:
    await store(house, STREAM, SSE_TYPE)
    answer = await house.get("/v1/requests/r1/events", last_event_id="2-00000001")
    assert (answer.status, answer.error["code"]) == (409, "stream_diverged")


async def test_an_answer_that_was_not_streamed_comes_as_it_is(house: House) -> None:
    await store(house, b"{}")
    answer = await house.get("/v1/requests/r1/events")
    assert (answer.body, answer.headers["content-type"]) == (b"{}", "application/json")


async def test_events_of_a_running_request_are_followed_and_leaving_does_not_stop_it(house: House) -> None:
    await know(house, RequestStatus(state=RequestState.REQUEST_STATE_RUNNING))
    asking = house.reading("/v1/requests/r1/events")
    running = asyncio.create_task(asking())
    await until(lambda: any(message.subject == "attach.acme" for message in house.bus.posted))
    (frame,) = events(PARTS[0], end=None)
    house.bus.post("replies.acme.door1.1", frame.SerializeToString())
    assert await asyncio.wait_for(asking.written.get(), 5) == with_ids(PARTS[0], 0, 0)[0]
    asking.leave()
    await asyncio.wait_for(running, 5)
    assert house.upstream.cancelled.empty()


async def test_who_waits_too_long_for_events_is_told_to_ask_again(house: House) -> None:
    await know(house, RequestStatus(state=RequestState.REQUEST_STATE_RUNNING))
    answer = await house.get("/v1/requests/r1/events", x_tokenlane_timeout_ms="60")
    assert (answer.status, answer.error["code"]) == (504, "wait_exceeded")
    assert house.upstream.cancelled.empty()


async def test_a_request_is_cancelled_for_good(house: House) -> None:
    await know(house, RequestStatus(state=RequestState.REQUEST_STATE_RUNNING))
    answer = await house.get("/v1/requests/r1", "DELETE")
    told = json.loads(answer.body)
    assert (answer.status, told["status"], told["response"]["status"]) == (200, "cancelled", 499)
    assert told["response"]["body"]["error"]["code"] == "cancelled"
    assert await asyncio.wait_for(house.upstream.cancelled.get(), 5) == "r1"
    # A worker that did not hear of it finds the result, and cannot store another.
    await store(house, b"{}")
    stored = await house.bus.last(RESULTS, "results.acme.r1")
    assert stored is not None
    assert stored.headers["Tokenlane-Outcome"] == "cancelled"


async def test_a_request_that_ended_stays_as_it_is(house: House) -> None:
    await store(house, b"{}")
    answer = await house.get("/v1/requests/r1", "DELETE")
    assert (answer.status, json.loads(answer.body)["status"]) == (200, "completed")
