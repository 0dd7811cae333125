"""What clients see while their requests wait."""

import asyncio
import json
from dataclasses import dataclass

import pytest

from tests.unit.ingress.asking import Answer, Asking
from tests.unit.ingress.conftest import CHAT, House
from tests.unit.ingress.upstream import JSON_HEAD, SSE_HEAD, events, refused, waiting, whole
from tokenlane.v1.reply_pb2 import Frame, Outcome, Terminal
from tokenlane.v1.request_pb2 import Request
from tokenlane_ingress import errors, queueing
from tokenlane_proto.events import with_ids

PARTS = b'data: {"choices":[1]}\n\n', b"data: [DONE]\n\n"
STREAM = b"".join(PARTS)
TWELFTH = b": queue position 12, expected start in 3.4 s\n\n"
STREAMED = {**CHAT, "stream": True}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "PATIENCE_S", 0)


@dataclass(frozen=True)
class Queued:
    """A stream whose client was told that it waits."""

    house: House
    asking: Asking
    running: asyncio.Task[Answer]
    request: Request

    def send(self, *frames: Frame) -> None:
        self.house.upstream.send("acme", self.request, frames)

    async def next(self) -> bytes:
        return await asyncio.wait_for(self.asking.written.get(), 5)

    async def answer(self) -> Answer:
        return await asyncio.wait_for(self.running, 5)


async def queued(house: House, **headers: str) -> Queued:
    house.upstream.script = lambda request: [waiting(11, 3_400)]
    asking = house.asking(STREAMED, **headers)
    running = asyncio.create_task(asking())
    queued = Queued(house, asking, running, await house.upstream.requests.get())
    assert await queued.next() == TWELFTH
    return queued


@pytest.mark.parametrize("stream", [False, True])
async def test_headers_tell_how_it_waited_last(house: House, stream: bool) -> None:
    answered = events(*PARTS) if stream else whole(b"{}")
    house.upstream.script = lambda request: [waiting(7, 900), waiting(0, 40), *answered]
    answer = await house.ask({**CHAT, "stream": stream})
    assert (answer.status, answer.body) == (200, STREAM if stream else b"{}")
    assert answer.headers["x-tokenlane-queue-position"] == "1"
    assert answer.headers["x-tokenlane-expected-start-ms"] == "40"
    assert answer.headers["x-tokenlane-lane"] == "short"


async def test_what_did_not_wait_says_nothing_of_it(house: House) -> None:
    house.upstream.script = lambda request: [*events(PARTS[0], end=None), waiting(3, 3), *events(PARTS[1], first=1)]
    answer = await house.ask(STREAMED)
    assert answer.body == STREAM
    assert not [name for name in answer.headers if "queue-position" in name or "expected" in name]


@pytest.mark.usefixtures("impatient")
async def test_a_stream_that_waits_begins_with_its_place(house: House) -> None:
    queued_ = await queued(house)
    for position, start_ms, comment in (
        (3, 1_250, b": queue position 4, expected start in 1.2 s\n\n"),
        (0, 0, b": queue position 1, expected start in 0.0 s\n\n"),
    ):
        queued_.send(waiting(position, start_ms))
        assert await queued_.next() == comment
    queued_.send(*events(*PARTS))
    answer = await queued_.answer()
    assert answer.status == 200
    assert [part for part in answer.parts if not part.startswith(b":")] == [STREAM]
    assert answer.headers == {
        "content-type": SSE_HEAD.content_type,
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-request-id": queued_.request.request_id,
        "x-tokenlane-queue-position": "12",
        "x-tokenlane-expected-start-ms": "3400",
    }


@pytest.mark.usefixtures("impatient")
async def test_an_answer_that_is_no_stream_is_waited_for(house: House) -> None:
    house.upstream.script = lambda request: [waiting(11, 3_400)]
    running = asyncio.create_task(house.ask())
    request = await house.upstream.requests.get()
    house.upstream.send("acme", request, [waiting(5, 100), *whole(b"{}")])
    answer = await asyncio.wait_for(running, 5)
    assert (answer.body, answer.headers["x-tokenlane-queue-position"]) == (b"{}", "6")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("with_body", [False, True])
async def test_an_error_after_that_is_an_event(house: House, with_body: bool) -> None:
    queued_ = await queued(house)
    terminal = Terminal(outcome=Outcome.OUTCOME_FAILED, reason="no", http_status=503, code="overloaded")
    queued_.send(*(refused(503, "overloaded", 2_000) if with_body else [Frame(attempt=1, terminal=terminal)]))
    answer = await queued_.answer()
    assert answer.status == 200
    assert answer.parts[0] == TWELFTH
    event = answer.parts[1].removeprefix(b"data: ")
    assert answer.parts[1].endswith(b"\n\n")
    assert (json.loads(event)["error"]["message"], json.loads(event)["error"]["code"]) == ("no", "overloaded")


@pytest.mark.usefixtures("impatient")
async def test_an_engine_that_does_not_stream_is_shown_as_one_event(house: House) -> None:
    queued_ = await queued(house)
    queued_.send(*whole(b'{\n"object": "chat.completion"}', JSON_HEAD))
    assert (await queued_.answer()).parts[1:] == [b'data: {\ndata: "object": "chat.completion"}\n\n']


@pytest.mark.usefixtures("impatient")
async def test_comments_are_no_events_of_a_stream_that_can_be_resumed(house: House) -> None:
    queued_ = await queued(house, idempotency_key="order-77")
    queued_.send(*events(*PARTS))
    assert (await queued_.answer()).body == TWELFTH + with_ids(STREAM, 0, 0)[0]


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_leaves_the_queue_stops_the_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_ingress.vigil.WATCH_AFTER_S", 0)
    queued_ = await queued(house, x_request_id="gone")
    queued_.asking.leave()
    await queued_.answer()
    assert await asyncio.wait_for(house.upstream.cancelled.get(), 5) == "gone"


@pytest.mark.usefixtures("impatient")
async def test_a_deadline_that_passes_in_the_queue_is_an_event(house: House) -> None:
    queued_ = await queued(house, x_tokenlane_timeout_ms="100")
    assert b'"code":"deadline_exceeded"' in (await queued_.answer()).parts[-1]


@pytest.mark.usefixtures("impatient")
async def test_a_drain_tells_those_who_wait(house: House) -> None:
    queued_ = await queued(house)
    house.door.exchanges.finish_all(errors.shutting_down())
    assert b"shutting_down" in (await queued_.answer()).parts[-1]
