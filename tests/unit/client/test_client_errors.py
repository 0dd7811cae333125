"""What goes wrong is raised as one of the client's own errors."""

import asyncio
from typing import Any

import pytest

from tests.support.waiting import until
from tests.unit.client.frames import JSON_HEAD, event
from tests.unit.client.openai_answers import HELLO, TEXT, WORDS, chunks, never, well
from tests.unit.client.worker import Job, ScriptedWorker
from tokenlane.v1.reply_pb2 import Head, Outcome
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_client import (
    BusUnavailable,
    Client,
    DeadlineExceeded,
    RequestFailed,
    TokenlaneError,
)


async def test_a_deadline_goes_along_and_is_kept(worker: ScriptedWorker, client: Client) -> None:
    async def expires(job: Job) -> None:
        await job.fail(504, "too late", "deadline_exceeded", Outcome.OUTCOME_EXPIRED)

    worker.script = expires
    with pytest.raises(DeadlineExceeded):
        await client.create(model="sim", messages=HELLO, timeout_s=60)
    request = worker.requests[0]
    assert request.deadline_unix_ms == request.accepted_unix_ms + 60_000
    with pytest.raises(DeadlineExceeded):
        await anext(client.stream(model="sim", messages=HELLO, timeout_s=60))


async def test_a_deadline_that_nobody_keeps_is_kept_here(
    worker: ScriptedWorker, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenlane_client.client._SLACK_S", 0)
    worker.script = never
    with pytest.raises(DeadlineExceeded):
        await client.create(model="sim", messages=HELLO, timeout_s=0.05)
    with pytest.raises(DeadlineExceeded):
        await anext(client.stream(model="sim", messages=HELLO, timeout_s=0.05))


async def test_a_refusal_has_its_status_and_code(worker: ScriptedWorker, client: Client) -> None:
    async def refuses(job: Job) -> None:
        await job.fail(404, "no such model", "model_not_found")

    worker.script = refuses
    for call in (client.create(model="x", messages=HELLO), anext(client.stream(model="x", messages=HELLO))):
        with pytest.raises(RequestFailed, match="no such model") as caught:
            await call
        assert (caught.value.status, caught.value.code) == (404, "model_not_found")
        assert caught.value.request_id


@pytest.mark.parametrize(("told_ms", "seconds"), [(1_250, 1.25), (0, None)])
async def test_a_refusal_says_when_to_come_again(
    worker: ScriptedWorker, client: Client, told_ms: int, seconds: float | None
) -> None:
    async def refuses(job: Job) -> None:
        await job.fail(429, "too many tokens", "tokens_per_minute_exceeded", retry_after_ms=told_ms)

    async def is_late(job: Job) -> None:
        await job.fail(504, "too late", "deadline_exceeded", Outcome.OUTCOME_EXPIRED, retry_after_ms=told_ms)

    worker.script = refuses
    calls = [client.create(model="x", messages=HELLO), anext(client.stream(model="x", messages=HELLO))]
    # Of a request that was only submitted, the stored result is read.
    handle = await client.submit(model="x", messages=HELLO)
    for call in (*calls, handle.result()):
        with pytest.raises(RequestFailed, match="too many tokens") as caught:
            await call
        assert (caught.value.status, caught.value.retry_after_s) == (429, seconds)
    worker.script = is_late
    with pytest.raises(DeadlineExceeded) as late:
        await client.create(model="x", messages=HELLO)
    assert late.value.retry_after_s == seconds


@pytest.mark.parametrize(
    ("wishes", "param"),
    [
        ({"priority": "urgent"}, "priority"),
        ({"priority": ""}, "priority"),
        ({"ttft_s": 0}, "ttft_s"),
        ({"ttft_s": -1}, "ttft_s"),
        ({"ttft_s": float("nan")}, "ttft_s"),
        ({"ttft_s": 1e6}, "ttft_s"),
    ],
)
async def test_a_wrong_wish_is_refused_here(
    worker: ScriptedWorker, client: Client, wishes: dict[str, Any], param: str
) -> None:
    with pytest.raises(RequestFailed) as caught:
        await client.submit(b'{"model":"sim","prompt":"x"}', **wishes)
    assert (caught.value.status, caught.value.param) == (400, param)
    assert worker.requests == []


async def test_an_error_of_the_engine_in_mid_stream_is_raised(worker: ScriptedWorker, client: Client) -> None:
    async def breaks(job: Job) -> None:
        job.emit(chunks(job)[0], event('{"error":{"message":"boom","code":500}}'))
        await job.end()

    async def dies(job: Job) -> None:
        job.emit(chunks(job)[0])
        await job.fail(502, "died", "engine_failed")

    for script, words in ((breaks, "boom"), (dies, "died")):
        worker.script = script
        stream = client.stream(model="sim", messages=HELLO)
        assert (await anext(stream)).choices[0].delta.content == WORDS[0]
        with pytest.raises(RequestFailed, match=words):
            await anext(stream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_what_is_no_request_or_no_answer_is_told(worker: ScriptedWorker, client: Client) -> None:
    with pytest.raises(RequestFailed) as caught:
        await client.create({"messages": HELLO})
    assert (caught.value.status, caught.value.param) == (400, "model")
    with pytest.raises(RequestFailed, match="idempotency key"):
        await client.create(model="sim", messages=HELLO, idempotency_key="k" * 256)
    with pytest.raises(ValueError, match="stream"):
        client.stream(b'{"model":"sim","prompt":"x"}')
    with pytest.raises(TypeError, match="complete"):
        await client.create(b'{"model":"sim","prompt":"x"}', extra_body={"top_k": 1})
    with pytest.raises(ValueError, match="tenant"):
        Client(worker.bus, "a.b")
    with pytest.raises(TypeError, match="not JSON"):
        await client.create({"model": object()})

    async def babbles(job: Job) -> None:
        await job.whole(b"what?", JSON_HEAD)

    worker.script = babbles
    with pytest.raises(RequestFailed, match="not an OpenAI answer"):
        await client.create(model="sim", messages=HELLO)


async def test_an_answer_that_is_not_of_openai_keeps_its_text(worker: ScriptedWorker, client: Client) -> None:
    async def proxied(job: Job) -> None:
        await job.whole(b"bad gateway", Head(http_status=502, content_type="text/plain"))

    worker.script = proxied
    with pytest.raises(RequestFailed, match="bad gateway"):
        await client.create(model="sim", messages=HELLO)


async def test_the_result_of_a_stream_is_not_an_answer(worker: ScriptedWorker, client: Client) -> None:
    stream = client.stream(model="sim", messages=HELLO)
    assert len([chunk async for chunk in stream]) == len(WORDS)
    with pytest.raises(TokenlaneError, match="stream"):
        await client.result(stream.request_id)


async def test_without_a_bus_it_says_so() -> None:
    bus = FakeBus(available=False)
    async with Client(bus, "demo", patience_s=0) as client:
        with pytest.raises(BusUnavailable):
            await client.submit(model="sim", messages=HELLO)
        with pytest.raises(BusUnavailable):
            await client.create(model="sim", messages=HELLO)
        with pytest.raises(BusUnavailable):
            await client.cancel("r1")
    with pytest.raises(BusUnavailable, match="no bus"):
        await Client.connect("nats://127.0.0.1:9", "demo", connect_timeout_s=0.5)


async def test_a_bus_that_comes_back_in_time_is_waited_for() -> None:
    bus = FakeBus()
    worker = await ScriptedWorker(bus, well).start()
    async with Client(bus, "demo") as client:
        bus.available = False
        waiting = asyncio.create_task(client.create(model="sim", messages=HELLO))
        asyncio.get_running_loop().call_later(0.1, setattr, bus, "available", True)
        assert (await waiting).choices[0].message.content == TEXT
    await worker.stop()


async def test_closing_ends_what_waits(bus: Bus) -> None:
    worker = await ScriptedWorker(bus, never).start()
    client = Client(bus, "demo")
    waiting = asyncio.create_task(client.create(model="sim", messages=HELLO))
    await until(lambda: len(worker.requests) == 1)
    await client.close()
    with pytest.raises(BusUnavailable):
        await waiting
    await worker.stop()
