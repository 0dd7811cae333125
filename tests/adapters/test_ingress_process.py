"""The ingress as a process on a real bus."""

import asyncio
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import openai
import pytest
import structlog
from openai import AsyncOpenAI

from tests.support.nats_server import NatsServer
from tests.support.waiting import until
from tests.unit.ingress.upstream import Upstream, events, whole
from tests.unit.ingress.waiting import refuses_connections
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.reply_pb2 import Frame
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.connection import connect
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto.codec import decode_attach
from tokenlane_proto.events import digest, with_ids
from tokenlane_proto.topology import BODY_STORE, LANE_BUCKET, lane_key

MODEL = "org/model-1.5"
CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{}}]}\n\n'
)
TEXT = b'{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"Hi"}]}'


def answer(request: Request) -> list[Frame]:
    if request.facts.stream:
        return events(*[CHUNK] * 200, b"data: [DONE]\n\n")
    return whole(TEXT)


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with NatsServer() as running:
        yield running


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    connected = await connect(ServiceSettings(nats_url=server.url), "test", structlog.get_logger(), lambda: None)
    profile = LaneProfile(lane="short", model=MODEL, max_model_len=2048).SerializeToString()
    await connected.put(LANE_BUCKET, lane_key("short", MODEL), profile)
    yield connected
    await connected.close()


def environment(nats_url: str, port: int, **more: str) -> dict[str, str]:
    settings = {"NATS_URL": nats_url, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port), "ANONYMOUS_TENANT": "local"}
    return {**os.environ, **{f"TOKENLANE_{name}": value for name, value in {**settings, **more}.items()}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(nats_url: str, log: Path, port: int = 0, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An ingress that is listening, ended at the end. `log`: where its stderr goes."""
    port = port or free_port()
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tokenlane_ingress"], env=environment(nats_url, port, **more), stderr=stderr
        )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None and b"listening" not in log.read_bytes():
            time.sleep(0.02)
        yield process, port
    finally:
        process.kill()
        process.wait()


def client(port: int) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0, timeout=10)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ingress.log"


async def test_requests_cross_a_real_bus(server: NatsServer, bus: Bus, log: Path) -> None:
    upstream = Upstream(bus, answer)
    await upstream.start()
    with running(server.url, log) as (process, port):
        async with client(port) as asked:
            texts = await asyncio.gather(*(asked.completions.create(model=MODEL, prompt="Hello") for _ in range(50)))
            assert {text.choices[0].text for text in texts} == {"Hi"}
            stream = await asked.chat.completions.create(model=MODEL, messages=[], stream=True)
            assert len([part async for part in stream]) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


async def test_a_request_id_used_before_is_told_although_the_first_is_long_answered(
    server: NatsServer, bus: Bus, log: Path
) -> None:
    upstream = Upstream(bus, answer)
    await upstream.start()
    with running(server.url, log) as (_, port):
        async with client(port) as asked:
            named = asked.with_options(default_headers={"x-request-id": "order-1"})
            await named.completions.create(model=MODEL, prompt="Hello")
            with pytest.raises(openai.ConflictError, match="order-1"):
                await named.completions.create(model=MODEL, prompt="Hello")


async def test_sigterm_waits_for_the_running_answer(server: NatsServer, bus: Bus, log: Path) -> None:
    upstream = Upstream(bus, lambda request: [])
    await upstream.start()
    with running(server.url, log) as (process, port):
        async with client(port) as asked:
            asking = asyncio.create_task(asked.completions.create(model=MODEL, prompt="Hello"))
            request = await asyncio.wait_for(upstream.requests.get(), 10)
            process.send_signal(signal.SIGTERM)
            await until(lambda: refuses_connections(port))
            upstream.send("local", request, whole(TEXT))
            assert (await asking).choices[0].text == "Hi"
        assert process.wait(10) == 0


async def test_processes_that_share_a_port_are_restarted_without_an_error_seen(
    server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    upstream = Upstream(bus, answer)
    await upstream.start()
    port, served, over = free_port(), 0, asyncio.Event()

    async def ask_on() -> None:
        nonlocal served
        # The official client, as it comes.
        async with AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{port}/v1", timeout=10) as asked:
            while not over.is_set():
                assert (await asked.completions.create(model=MODEL, prompt="Hello")).choices[0].text == "Hi"
                served += 1

    async def more_served() -> None:
        before = served
        await until(lambda: served > before + 50 or any(task.done() for task in clients), every_s=0.01)

    with ExitStack() as processes:
        numbers = itertools.count()

        async def start() -> subprocess.Popen[bytes]:
            ready = running(server.url, tmp_path / f"{next(numbers)}.log", port)
            # It is waited for without a look at the loop.
            return (await asyncio.to_thread(processes.enter_context, ready))[0]

        alive = [await start(), await start()]
        clients = [asyncio.create_task(ask_on()) for _ in range(8)]
        for _ in range(4):
            await more_served()
            oldest = alive.pop(0)
            alive.append(await start())
            oldest.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(oldest.wait, 10) == 0
        await more_served()
        over.set()
        await asyncio.gather(*clients)


async def test_a_stream_goes_on_at_another_process_when_its_own_is_killed(
    server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    stream = [b'data: {"choices":[%d]}\n\n' % number for number in range(20)]
    upstream = Upstream(bus, lambda request: events(*stream[:10], end=None))
    await upstream.start()

    def catch_up(message: Message) -> None:
        attach = decode_attach(message.data)
        assert attach.digest == digest(b"".join(stream[: attach.first_event]))
        (frame,) = events(b"".join(stream[attach.first_event :]), first=attach.first_event)
        bus.post(f"replies.local.{attach.inbox}", frame.SerializeToString())

    asked = {"model": MODEL, "messages": [{}], "stream": True}
    key = {"Idempotency-Key": "killed-in-mid-stream"}
    path = "/v1/chat/completions"
    lines: list[str] = []
    with (
        running(server.url, tmp_path / "first.log") as (first, port),
        running(server.url, tmp_path / "second.log") as (_, other),
    ):
        async with httpx.AsyncClient(timeout=10) as http:

            async def read() -> None:
                async with http.stream("POST", f"http://127.0.0.1:{port}{path}", json=asked, headers=key) as answered:
                    async for line in answered.aiter_lines():
                        lines.append(line)
                        if len(lines) == 30:
                            first.kill()

            with pytest.raises(httpx.RemoteProtocolError):
                await read()
            await bus.subscribe("attach.local", catch_up)
            last = {"Last-Event-ID": lines[-3].removeprefix("id: ")}
            rest = await http.post(f"http://127.0.0.1:{other}{path}", json=asked, headers=key | last)
    shown = "\n".join([*lines, rest.text]).encode()
    assert with_ids(b"".join(stream), 0, 0)[0] == shown
    assert rest.headers["idempotent-replayed"] == "true"


async def test_clients_that_reset_their_connections_leave_no_trace(server: NatsServer, bus: Bus, log: Path) -> None:
    upstream = Upstream(bus, lambda request: events(*[CHUNK * 1000] * 20, end=None))
    await upstream.start()
    body = b'{"model":"%b","messages":[{}],"stream":true}' % MODEL.encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    with running(server.url, log) as (process, port):
        for kept in range(0, len(head + body), 7):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write((head + body)[:kept])
            await writer.drain()
            _reset(writer)
        for _ in range(50):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head + body)
            await asyncio.wait_for(reader.readuntil(b"data: "), 10)
            _reset(writer)
        async with client(port) as asked:
            assert [model.id async for model in asked.models.list()] == [MODEL]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert [line for line in _lines(log) if line["level"] != "info"] == []


def _lines(log: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def test_a_body_larger_than_a_message_goes_by_the_object_store(log: Path) -> None:
    with NatsServer(max_payload=256 * 1024) as small:
        bus = await connect(ServiceSettings(nats_url=small.url), "test", structlog.get_logger(), lambda: None)
        profile = LaneProfile(lane="short", model=MODEL, max_model_len=2048).SerializeToString()
        await bus.put(LANE_BUCKET, lane_key("short", MODEL), profile)
        upstream = Upstream(bus, answer)
        await upstream.start()
        with running(small.url, log) as (_, port):
            async with client(port) as asked:
                await asked.completions.create(model=MODEL, prompt="x" * 3_000_000)
        request = await upstream.requests.get()
        body = await bus.get_object(BODY_STORE, request.body_ref.object)
        assert body is not None
        assert len(body) == request.body_ref.size > 3_000_000
        assert request.body_ref.sample == body[:4096]
        await bus.close()


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"ANONYMOUS_TENANT": "a b"}, 2, "TOKENLANE_ANONYMOUS_TENANT"),
        ({"API_KEYS_FILE": "none.json"}, 1, "TOKENLANE_API_KEYS_FILE"),
        ({"RESUME_GRACE_S": "-1"}, 2, "TOKENLANE_RESUME_GRACE_S"),
        ({"HTTP_HOST": "203.0.113.1"}, 1, "TOKENLANE_HTTP_PORT"),
    ],
)
def test_a_wrong_setting_refuses_to_start(
    server: NatsServer, tmp_path: Path, more: dict[str, str], code: int, said: str
) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tokenlane_ingress"],
        env=environment(server.url, free_port(), **more),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        timeout=30,
    )
    assert process.returncode == code
    lines = [line for line in process.stderr.decode().splitlines() if said in line]
    assert len(lines) == 1
    assert b"Traceback" not in process.stderr
