"""What readers are told while a request waits is no part of its answer."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.waiting import until
from tests.unit.client.frames import SSE_HEAD, event, stream, whole
from tests.unit.client.openai_answers import HELLO, TEXT, WORDS, well
from tests.unit.client.reading import Far, opened, read
from tests.unit.client.worker import Job, ScriptedWorker
from tokenlane.v1.reply_pb2 import Frame
from tokenlane.v1.reply_pb2 import Waiting as Told
from tokenlane.v1.request_pb2 import Priority
from tokenlane_client import Client, Waiting
from tokenlane_client.answer import Complete
from tokenlane_client.exchange import Exchange
from tokenlane_client.exchanges import Exchanges
from tokenlane_client.failure import Failure
from tokenlane_proto import subjects

ANSWER = [event("one"), event("two"), event("three")]


def waiting(position: int = 0, expected_start_ms: int = 0) -> Frame:
    return Frame(waiting=Told(position=position, expected_start_ms=expected_start_ms))


def reader(missed: list[Exchange]) -> Exchange:
    return Exchange("demo", "r1", "reader.1", missed.append)


@given(st.lists(st.booleans(), max_size=12), st.sampled_from([1, 2, 3]), st.booleans())
def test_wherever_it_is_told_the_answer_is_the_same(places: list[bool], attempt: int, streamed: bool) -> None:
    missed: list[Exchange] = []
    exchange = reader(missed)
    frames = stream(ANSWER, attempt=attempt) if streamed else [whole(b"{}", attempt=attempt)]
    for told in places:
        if told or not frames:
            exchange.feed(waiting(7, 7))
        else:
            exchange.feed(frames.pop(0))
    for frame in frames:
        exchange.feed(frame)
    shown = asyncio.run(exchange.take())
    assert (shown.data, shown.end) == (b"".join(ANSWER) if streamed else b"{}", Complete())
    assert missed == []


async def test_a_place_is_told_once_and_what_comes_faster_is_left_out() -> None:
    exchange = reader([])
    told = asyncio.create_task(exchange.place())
    await asyncio.sleep(0)
    assert not told.done()
    exchange.feed(waiting(4, 900))
    assert await told == Told(position=4, expected_start_ms=900)
    exchange.feed(waiting(3, 800))
    exchange.feed(waiting(2, 700))
    assert await exchange.place() == Told(position=2, expected_start_ms=700)
    exchange.feed(waiting(1, 600))
    exchange.feed(Frame(attempt=1, head=SSE_HEAD, data=ANSWER[0]))
    assert await exchange.place() is None
    assert (await exchange.take()).data == ANSWER[0]
    # A late one.
    exchange.feed(waiting(9, 9))
    assert exchange.waiting == Told(position=1, expected_start_ms=600)


@pytest.mark.parametrize("way", ["gone", "ended"])
async def test_the_end_of_waiting_is_heard(way: str) -> None:
    exchange = reader([])
    exchange.feed(waiting())
    assert await exchange.place() == Told()
    told = asyncio.create_task(exchange.place())
    await asyncio.sleep(0)
    if way == "gone":
        exchange.disconnect()
    else:
        exchange.finish(Failure(503, "no", "server_error"))
    assert await told is None


async def test_who_hears_that_it_waits_does_not_look_for_what_it_missed(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    for position in (2, 1):
        far.worker.bus.post(subjects.reply("demo", exchange.inbox), waiting(position).SerializeToString())
    assert await exchange.place() is not None
    await far.job(exchange.request_id, exchange.inbox).whole(b"{}")
    assert await read(exchange) == (b"{}", Complete())
    assert far.worker.attached == []


async def test_a_caller_is_told_while_it_waits(worker: ScriptedWorker, client: Client) -> None:
    heard: list[Waiting] = []

    async def queued(job: Job) -> None:
        before = len(heard)
        for position in (1, 0):
            job.post(waiting(position, 1_500 * position))
            await until(lambda: len(heard) == before + 2 - position)  # noqa: B023
        await well(job)

    worker.script = queued
    answer = await client.create(model="sim", messages=HELLO, on_waiting=heard.append)
    assert answer.choices[0].message.content == TEXT
    chunks = client.stream(model="sim", messages=HELLO, on_waiting=heard.append)
    assert [chunk.choices[0].delta.content async for chunk in chunks] == WORDS
    assert heard == [Waiting(1, 1.5), Waiting(0, 0.0)] * 2


async def test_what_a_caller_raises_when_told_ends_its_call(worker: ScriptedWorker, client: Client) -> None:
    async def queued(job: Job) -> None:
        job.post(waiting(40, 60_000))

    def too_long(place: Waiting) -> None:
        raise TimeoutError(f"{place.ahead} ahead")

    worker.script = queued
    with pytest.raises(TimeoutError, match="40 ahead"):
        await client.create(model="sim", messages=HELLO, on_waiting=too_long)
    await until(lambda: worker.cancelled == [worker.requests[0].request_id])


async def test_a_request_says_how_soon_and_before_whom(worker: ScriptedWorker, client: Client) -> None:
    await client.create(model="sim", messages=HELLO, priority="batch", ttft_s=2.5)
    await client.create(model="sim", messages=HELLO, extra_body={"priority": 3})
    first, second = worker.requests
    assert (first.priority, first.ttft_limit_ms) == (Priority.PRIORITY_BATCH, 2_500)
    assert b"priority" not in first.body
    # The engine's own.
    assert (second.priority, second.ttft_limit_ms) == (Priority.PRIORITY_UNSPECIFIED, 0)
    assert b'"priority":3' in second.body
