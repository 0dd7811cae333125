"""The door on a real socket: the official client, clients that leave, and the drain."""

import asyncio
import json
import logging
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

import openai
import pytest
import uvicorn
from openai import AsyncOpenAI

from tests.support.waiting import until
from tests.unit.ingress.conftest import CHAT, CHAT_PATH, KEY, MODEL, House
from tests.unit.ingress.upstream import events, refused, waiting, whole
from tests.unit.ingress.waiting import refuses_connections
from tokenlane.v1.reply_pb2 import Frame, Outcome, Terminal
from tokenlane.v1.request_pb2 import Request
from tokenlane_ingress import queueing
from tokenlane_ingress.server import bind, serve

COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": MODEL,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "a_field_of_tomorrow": True,
}


def chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def silent(request: Request) -> list[Frame]:
    return []


@dataclass(frozen=True)
class Served:
    """A house with its door open."""

    house: House
    port: int
    serving: asyncio.Task[None]

    def client(self, key: str = KEY) -> AsyncOpenAI:
        return AsyncOpenAI(api_key=key, base_url=f"http://127.0.0.1:{self.port}/v1", max_retries=0, timeout=10)

    async def post(self, headers: str = "", stream: bool = True) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Post a request over a plain socket."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        body = json.dumps({**CHAT, "stream": stream}).encode()
        head = f"POST {CHAT_PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n{headers}"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        return reader, writer


@pytest.fixture
def grace_s() -> float:
    return 20


@pytest.fixture
async def served(house: House, grace_s: float) -> AsyncIterator[Served]:
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    stopping = house.context.stopping

    serving = asyncio.create_task(serve(house.door.app, listener, stopping, grace_s, house.door.give_up))
    yield Served(house, port, serving)
    stopping.set()
    await asyncio.wait_for(serving, 10)


async def test_the_official_client_gets_the_engines_answer(served: Served) -> None:
    served.house.upstream.script = lambda request: whole(json.dumps(COMPLETION).encode())
    async with served.client() as client:
        raw = await client.chat.completions.with_raw_response.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello"}], extra_body={"top_k": 3}
        )
    completion = raw.parse()
    assert completion.choices[0].message.content == "Hi"
    assert completion.model_extra == {"a_field_of_tomorrow": True}
    assert raw.headers["x-tokenlane-lane"] == "short"
    assert json.loads((await served.house.upstream.requests.get()).body)["top_k"] == 3


async def test_the_official_client_streams(served: Served) -> None:
    words = [f"word{number} " for number in range(50)]
    frames = events(*(chunk(word) for word in words), b"data: [DONE]\n\n")
    served.house.upstream.script = lambda request: frames
    async with served.client() as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        assert [part.choices[0].delta.content async for part in stream] == words


async def test_the_official_client_reads_a_stream_that_waits(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "PATIENCE_S", 0)
    upstream = served.house.upstream
    upstream.script = lambda request: [waiting(11, 3_400)]
    async with served.client() as client:
        # It has the head, and so a stream, while the request waits.
        stream = await client.chat.completions.create(model=MODEL, messages=[], stream=True)
        request = await upstream.requests.get()
        upstream.send("acme", request, [waiting(0, 10), *events(chunk("a"), chunk("b"), b"data: [DONE]\n\n")])
        assert [part.choices[0].delta.content async for part in stream] == ["a", "b"]
        assert stream.response.headers["x-tokenlane-queue-position"] == "12"
        stream = await client.chat.completions.create(model=MODEL, messages=[], stream=True)
        upstream.send("acme", await upstream.requests.get(), refused(503, "overloaded", 0))
        with pytest.raises(openai.APIError, match="no"):
            await anext(stream)


async def test_the_official_client_comes_again_when_it_is_told_to(served: Served) -> None:
    upstream = served.house.upstream
    refusals = [refused(429, "tokens_per_minute_exceeded", 5)]
    upstream.script = lambda request: refusals.pop() if refusals else whole(json.dumps(COMPLETION).encode())
    async with served.client() as client:
        patient = client.with_options(max_retries=1)
        completion = await patient.chat.completions.create(model=MODEL, messages=[])
        assert completion.choices[0].message.content == "Hi"
        assert upstream.requests.qsize() == 2
        refusals.append(refused(429, "tokens_per_minute_exceeded", 1_234))
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model=MODEL, messages=[])
    told = caught.value.response.headers
    assert (told["retry-after"], told["retry-after-ms"]) == ("2", "1234")


async def test_the_official_client_sees_a_stream_break(served: Served) -> None:
    failed = Terminal(outcome=Outcome.OUTCOME_FAILED, reason="the engine broke")
    served.house.upstream.script = lambda request: events(chunk("a"), b"", end=failed)
    async with served.client() as client:
        stream = await client.chat.completions.create(model=MODEL, messages=[], stream=True)
        with pytest.raises(openai.APIError, match="the engine broke"):
            async for _ in stream:
                pass


async def test_the_official_client_raises_its_own_errors(served: Served) -> None:
    async with served.client() as client, served.client("sk-wrong") as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.models.list()
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="gpt-9", messages=[])
        with pytest.raises(openai.BadRequestError, match="maximum context length"):
            await client.completions.create(model=MODEL, prompt="Hello", max_tokens=10**6)
        with pytest.raises(openai.APIStatusError) as too_large:
            await client.completions.create(model=MODEL, prompt="x" * 2_000_000)
        assert too_large.value.status_code == 413
        assert [model.id async for model in client.models.list()] == [MODEL]


async def test_a_client_that_wants_to_upgrade_is_told_not_to(served: Served) -> None:
    reader, writer = await served.post("connection: upgrade\r\nupgrade: h2c\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"upgrade_refused" in answer


@pytest.mark.parametrize("begun", [False, True])
async def test_a_connection_that_closes_stops_the_work(served: Served, begun: bool) -> None:
    upstream = served.house.upstream
    upstream.script = lambda request: events(chunk("a"), end=None) if begun else []
    reader, writer = await served.post("x-request-id: mine\r\n")
    await asyncio.wait_for(upstream.requests.get(), 5)
    if begun:
        await asyncio.wait_for(reader.readuntil(b"data: "), 5)
    writer.close()
    assert await asyncio.wait_for(upstream.cancelled.get(), 5) == "mine"


async def test_a_client_that_does_not_read_is_cut_off_after_its_deadline(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenlane_ingress.vigil._STUCK_S", 0.01)
    upstream = served.house.upstream
    upstream.script = lambda request: events(*[b"x" * 1_000_000] * 40, end=None)
    reader, writer = await served.post("x-request-id: stuck\r\nx-tokenlane-timeout-ms: 100\r\n")
    # Nothing is read here until the work was stopped.
    assert await asyncio.wait_for(upstream.cancelled.get(), 5) == "stuck"
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert not answer.endswith(b"0\r\n\r\n")


async def test_a_drain_lets_running_requests_finish(served: Served) -> None:
    upstream = served.house.upstream
    upstream.script = silent
    reader, writer = await served.post()
    request = await upstream.requests.get()
    served.house.context.stopping.set()
    await until(lambda: refuses_connections(served.port))
    upstream.send("acme", request, events(chunk("late"), b"data: [DONE]\n\n"))
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"late" in answer
    assert answer.endswith(b"0\r\n\r\n")
    writer.close()
    await asyncio.wait_for(served.serving, 5)
    assert upstream.cancelled.empty()


async def test_a_drain_answers_those_who_ask_again_and_has_them_close(served: Served) -> None:
    reader, writer = await served.post(stream=False)
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 200")
    await asyncio.wait_for(reader.readexactly(len(b'{"object":"chat.completion"}')), 5)
    served.house.context.stopping.set()
    await until(lambda: refuses_connections(served.port))
    writer.write(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + KEY.encode() + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer
    writer.close()


async def test_a_drain_takes_the_connections_that_the_kernel_has_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = bind("127.0.0.1", 0)
    address = listener.getsockname()
    made = []

    async def stop_at_once(self: uvicorn.Server) -> None:
        for _ in range(20):
            made.append(socket.create_connection(address))
            made[-1].sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            made[-1].setblocking(False)

    monkeypatch.setattr(uvicorn.Server, "main_loop", stop_at_once)
    serving = asyncio.create_task(serve(house.door.app, listener, house.context.stopping, 5, house.door.give_up))
    await until(lambda: len(made) == 20)
    loop = asyncio.get_running_loop()
    for each in made:
        assert (await asyncio.wait_for(loop.sock_recv(each, 100), 5)).startswith(b"HTTP/1.1 200")
        each.close()
    await asyncio.wait_for(serving, 5)


def test_processes_share_a_port() -> None:
    first = bind("127.0.0.1", 0)
    second = bind("127.0.0.1", first.getsockname()[1])
    assert second.getsockname() == first.getsockname()
    first.close()
    second.close()


@pytest.mark.parametrize("grace_s", [0.1])
async def test_a_drain_gives_up_on_what_does_not_finish(served: Served) -> None:
    upstream = served.house.upstream
    upstream.script = silent
    reader, writer = await served.post("x-request-id: slow\r\n", stream=False)
    await upstream.requests.get()
    served.house.context.stopping.set()
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"shutting_down" in answer
    assert await asyncio.wait_for(upstream.cancelled.get(), 5) == "slow"
    writer.close()
    await asyncio.wait_for(served.serving, 5)


@pytest.mark.parametrize("grace_s", [0.1])
async def test_a_drain_cuts_streams_that_go_on_elsewhere(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    upstream = served.house.upstream
    upstream.script = lambda request: events(chunk("a"), end=None)
    reader, writer = await served.post("idempotency-key: order-77\r\n")
    await upstream.requests.get()
    served.house.context.stopping.set()
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 200")
    # The last event and its chunk's end, but neither an error event nor the answer's end.
    assert answer.endswith(chunk("a") + b"\r\n")
    writer.close()
    await asyncio.wait_for(served.serving, 5)
    assert upstream.cancelled.empty()
    assert caplog.record_tuples == []


@pytest.mark.parametrize("grace_s", [0.1])
async def test_a_drain_sends_those_with_a_key_elsewhere(served: Served) -> None:
    upstream = served.house.upstream
    upstream.script = silent
    reader, writer = await served.post("idempotency-key: order-77\r\n", stream=False)
    await upstream.requests.get()
    served.house.context.stopping.set()
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer
    writer.close()
    await asyncio.wait_for(served.serving, 5)
    assert upstream.cancelled.empty()


@pytest.mark.parametrize("grace_s", [0.1])
async def test_a_drain_does_not_wait_for_clients_that_do_not_read(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = served.house.upstream
    upstream.script = lambda request: events(*[b"x" * 1_000_000] * 40, end=None)
    _, writer = await served.post()
    await upstream.requests.get()
    served.house.context.stopping.set()
    await asyncio.wait_for(served.serving, 5)
    writer.close()
    assert caplog.record_tuples == []


@pytest.mark.parametrize("begun", [False, True])
async def test_connections_that_are_reset_are_not_worth_a_word(
    served: Served, begun: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    upstream = served.house.upstream
    upstream.script = lambda request: events(*[chunk("a") * 1000] * 20, end=None) if begun else []
    for number in range(20):
        reader, writer = await served.post(f"x-request-id: reset-{number}\r\n")
        await asyncio.wait_for(upstream.requests.get(), 5)
        if begun:
            await asyncio.wait_for(reader.readuntil(b"data: "), 5)
        # Closing sends a reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
        assert await asyncio.wait_for(upstream.cancelled.get(), 5) == f"reset-{number}"
    assert caplog.record_tuples == []
