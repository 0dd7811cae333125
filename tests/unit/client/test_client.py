"""The client against a scripted worker, on both buses."""

import asyncio
import json
from collections.abc import Awaitable

import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion

from tests.support.waiting import until
from tests.unit.client.openai_answers import HELLO, TEXT, WORDS, chunks, never, well
from tests.unit.client.worker import Job, ScriptedWorker
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_client import (
    Cancelled,
    Client,
    Conflict,
)
from tokenlane_proto import headers, subjects
from tokenlane_proto.topology import BODY_STORE


async def test_create_gives_the_answer_in_openai_types(worker: ScriptedWorker, client: Client) -> None:
    chat = await client.create(model="sim", messages=HELLO, temperature=0, extra_body={"top_k": 3})
    assert isinstance(chat, ChatCompletion)
    assert chat.choices[0].message.content == TEXT
    assert json.loads(worker.requests[0].body) == {"model": "sim", "messages": HELLO, "temperature": 0, "top_k": 3}
    completion = await client.create(model="sim", prompt="Hello")
    assert isinstance(completion, Completion)
    assert completion.choices[0].text == TEXT


async def test_an_earlier_answer_can_be_part_of_the_next_question(worker: ScriptedWorker, client: Client) -> None:
    first = await client.create(model="sim", messages=HELLO)
    await client.create({"model": "sim", "messages": [*HELLO, first.choices[0].message]})
    message = json.loads(worker.requests[1].body)["messages"][1]
    assert (message["role"], message["content"]) == ("assistant", TEXT)


@pytest.mark.parametrize("endpoint", ["chat", "completion"])
async def test_a_stream_gives_chunks_as_they_come(worker: ScriptedWorker, client: Client, endpoint: str) -> None:
    go_on = asyncio.Event()

    async def halting(job: Job) -> None:
        first, *rest = chunks(job)
        job.emit(first)
        await go_on.wait()
        job.emit(*rest)
        await job.end()

    worker.script = halting
    texts = []
    if endpoint == "chat":
        async with client.stream(model="sim", messages=HELLO) as stream:
            async for chunk in stream:
                texts.append(chunk.choices[0].delta.content)
                go_on.set()
            assert stream.head is not None
            assert stream.head.lane == "short"
    else:
        async for text in client.stream(model="sim", prompt="Hello"):
            texts.append(text.choices[0].text)
            go_on.set()
    assert texts == WORDS
    assert worker.cancelled == []


async def test_submit_returns_when_it_is_accepted_and_anybody_reads_the_result(
    bus: Bus, worker: ScriptedWorker, client: Client
) -> None:
    handle = await client.submit(model="sim", messages=HELLO)
    assert (await handle.result()).choices[0].message.content == TEXT
    async with Client(bus, "demo") as another:
        answer = await another.result(handle.request_id)
    assert isinstance(answer, ChatCompletion)
    assert worker.requests[0].reply_inbox == ""
    assert worker.requests[0].request_id == subjects.keyed_id(handle.idempotency_key)


@pytest.mark.parametrize("ended", [True, False])
async def test_the_same_key_and_body_is_the_same_request(
    bus: Bus, worker: ScriptedWorker, client: Client, ended: bool
) -> None:
    go_on = asyncio.Event()

    async def when_told(job: Job) -> None:
        await go_on.wait()
        await well(job)

    worker.script = when_told
    first = asyncio.create_task(client.create(model="sim", messages=HELLO, idempotency_key="order 7"))
    await until(lambda: len(worker.requests) == 1)
    if ended:
        go_on.set()
        await first
    async with Client(bus, "demo") as another:
        second = asyncio.create_task(another.create(model="sim", messages=HELLO, idempotency_key="order 7"))
        await until(lambda: ended or worker.attached != [])
        go_on.set()
        assert (await second).id == (await first).id
    assert len(worker.requests) == 1


async def test_the_same_key_beyond_the_duplicate_window_is_still_the_same_request(
    worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenlane_client.silence.FIRST_S", 0.0)
    monkeypatch.setattr("tokenlane_client.exchanges._SWEEP_S", 0.01)
    async with Client(worker.bus, "demo") as client:
        await client.create(model="sim", messages=HELLO, idempotency_key="order 7")
        if isinstance(worker.bus, FakeBus):
            worker.bus.forget_message_ids()
        again = await client.create(model="sim", messages=HELLO, idempotency_key="order 7")
    assert again.choices[0].message.content == TEXT
    assert len(worker.requests) == 1


@pytest.mark.parametrize("way", ["create", "submit"])
async def test_a_key_with_another_body_is_a_conflict(worker: ScriptedWorker, client: Client, way: str) -> None:
    await client.create(model="sim", messages=HELLO, idempotency_key="order 7")
    if way == "create":
        answer: Awaitable[Completion] = client.create(model="sim", prompt="Bye", idempotency_key="order 7")
    else:
        answer = (await client.submit(model="sim", prompt="Bye", idempotency_key="order 7")).result()
    with pytest.raises(Conflict):
        await answer
    assert worker.cancelled == []


async def test_cancel_ends_a_request_for_good(bus: Bus, worker: ScriptedWorker, client: Client) -> None:
    worker.script = never
    handle = await client.submit(model="sim", messages=HELLO)
    waiting = asyncio.create_task(handle.result())
    await until(lambda: len(worker.requests) == 1)
    assert await handle.cancel()
    with pytest.raises(Cancelled) as caught:
        await waiting
    assert caught.value.request_id == handle.request_id
    await until(lambda: worker.cancelled == [handle.request_id])
    stored = await results.load(bus, "demo", handle.request_id)
    assert stored is not None
    assert (stored.headers[headers.OUTCOME], stored.headers[headers.STATUS]) == ("cancelled", "499")
    assert not await client.cancel(handle.request_id)


@pytest.mark.parametrize("own_key", [None, "order 7"])
async def test_who_leaves_early_cancels_unless_the_key_is_his_own(
    worker: ScriptedWorker, client: Client, own_key: str | None
) -> None:
    async def begins(job: Job) -> None:
        job.emit(*chunks(job)[:2])

    worker.script = begins
    async with client.stream(model="sim", messages=HELLO, idempotency_key=own_key) as stream:
        async for _ in stream:
            break
    waiting = asyncio.create_task(client.create(model="sim", prompt="x", idempotency_key=own_key and "order 8"))
    await until(lambda: len(worker.requests) == 2)
    waiting.cancel()
    await asyncio.wait({waiting})
    # After what was posted before it.
    await client.cancel("last")
    await until(lambda: worker.cancelled[-1:] == ["last"])
    left = [request.request_id for request in worker.requests]
    assert worker.cancelled == ([] if own_key else left) + ["last"]


async def test_a_stream_can_be_read_again_under_its_key(worker: ScriptedWorker, client: Client) -> None:
    async def stops(job: Job) -> None:
        job.emit(*chunks(job)[:2])

    worker.script = stops
    first = client.stream(model="sim", messages=HELLO, idempotency_key="order 7")
    async with first:
        assert (await anext(first)).choices[0].delta.content == WORDS[0]
    job = worker.jobs["demo", first.request_id]
    again = client.stream(model="sim", messages=HELLO, idempotency_key="order 7")
    texts = [(await anext(again)).choices[0].delta.content]
    job.emit(*chunks(job)[2:])
    await job.end()
    texts += [chunk.choices[0].delta.content async for chunk in again]
    assert texts == WORDS


async def test_a_large_body_travels_by_the_object_store(bus: Bus, worker: ScriptedWorker, client: Client) -> None:
    body = json.dumps({"model": "sim", "prompt": "x" * bus.max_payload}).encode()
    await client.create(body, idempotency_key="large")
    request = worker.requests[0]
    assert request.body == body
    assert (request.body_ref.size, request.body_ref.sample) == (len(body), body[:4096])
    # The second copy takes its object along.
    await client.create(body, idempotency_key="large")
    assert await bus.get_object(BODY_STORE, request.body_ref.object) == body
    if isinstance(bus, FakeBus):
        assert list(bus.objects) == [(BODY_STORE, request.body_ref.object)]
