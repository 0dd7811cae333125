"""Requests that nobody reads are refused too: who collects them is told, and comes again under the same key."""

import asyncio

import pytest

from tests.support.waiting import until
from tests.unit.client.openai_answers import HELLO, TEXT, well
from tests.unit.client.worker import Job, ScriptedWorker
from tokenlane_chassis.bus import Bus
from tokenlane_client import Client, RequestFailed
from tokenlane_client.again import refusal_seq

KEY = "order 7"


async def refuses(job: Job) -> None:
    await job.fail(429, "too many tokens", "tokens_per_minute_exceeded", retry_after_ms=1_250)


@pytest.fixture
async def request_id(bus: Bus, worker: ScriptedWorker, client: Client) -> str:
    """A request that was submitted under the key, and refused."""
    worker.script = refuses
    handle = await client.submit(model="sim", messages=HELLO, idempotency_key=KEY)
    with pytest.raises(RequestFailed) as caught:
        await asyncio.wait_for(handle.result(), 10)
    assert (caught.value.status, caught.value.retry_after_s) == (429, 1.25)

    async def is_free() -> bool:
        return await refusal_seq(bus, "demo", handle.request_id) > 0

    await until(is_free)
    worker.script = well
    return handle.request_id


async def test_every_other_reader_is_told_too(bus: Bus, request_id: str) -> None:
    async with Client(bus, "demo") as another:
        with pytest.raises(RequestFailed) as caught:
            await asyncio.wait_for(another.result(request_id), 10)
    assert caught.value.retry_after_s == 1.25


async def test_who_follows_while_it_waits_is_told(bus: Bus, worker: ScriptedWorker, client: Client) -> None:
    go_on = asyncio.Event()

    async def refuses_when_told(job: Job) -> None:
        await go_on.wait()
        await refuses(job)

    worker.script = refuses_when_told
    await client.submit(model="sim", messages=HELLO, idempotency_key=KEY)
    reading = asyncio.create_task(client.create(model="sim", messages=HELLO, idempotency_key=KEY))
    await until(lambda: worker.attached != [])
    go_on.set()
    with pytest.raises(RequestFailed) as caught:
        await asyncio.wait_for(reading, 10)
    assert (caught.value.status, caught.value.retry_after_s) == (429, 1.25)
    assert len(worker.requests) == 1


async def test_who_comes_again_gets_the_answer_and_not_the_old_refusal(
    bus: Bus, worker: ScriptedWorker, client: Client, request_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.deciding.clear()
    handle = await client.submit(model="sim", messages=HELLO, idempotency_key=KEY)
    assert handle.request_id == request_id
    looked = asyncio.Event()
    get = bus.get

    async def look(bucket: str, key: str) -> bytes | None:
        found = await get(bucket, key)
        looked.set()
        return found

    monkeypatch.setattr(bus, "get", look)
    reading = asyncio.create_task(handle.result())
    await asyncio.wait_for(looked.wait(), 10)
    worker.deciding.set()
    answer = await asyncio.wait_for(reading, 10)
    assert answer.choices[0].message.content == TEXT


async def test_who_comes_again_to_read_gets_the_answer(worker: ScriptedWorker, client: Client, request_id: str) -> None:
    answer = await client.create(model="sim", messages=HELLO, idempotency_key=KEY)
    assert answer.choices[0].message.content == TEXT
    assert [request.request_id for request in worker.requests] == [request_id] * 2
