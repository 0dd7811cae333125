"""The ingress as a process on a real bus."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

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
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.connection import connect
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto.topology import LANE_BUCKET, lane_key

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
def running(nats_url: str, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An ingress that is listening, ended at the end."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tokenlane_ingress"], env=environment(nats_url, port, **more))
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield process, port
    finally:
        process.kill()
        process.wait()


def client(port: int) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0, timeout=10)


async def test_requests_cross_a_real_bus(server: NatsServer, bus: Bus) -> None:
    upstream = Upstream(bus, answer)
    await upstream.start()
    with running(server.url) as (process, port):
        async with client(port) as asked:
            texts = await asyncio.gather(*(asked.completions.create(model=MODEL, prompt="Hello") for _ in range(50)))
            assert {text.choices[0].text for text in texts} == {"Hi"}
            stream = await asked.chat.completions.create(model=MODEL, messages=[], stream=True)
            assert len([part async for part in stream]) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


async def test_a_request_id_used_before_is_told_although_the_first_is_long_answered(
    server: NatsServer, bus: Bus
) -> None:
    upstream = Upstream(bus, answer)
    await upstream.start()
    with running(server.url) as (_, port):
        async with client(port) as asked:
            named = asked.with_options(default_headers={"x-request-id": "order-1"})
            await named.completions.create(model=MODEL, prompt="Hello")
            with pytest.raises(openai.ConflictError, match="order-1"):
                await named.completions.create(model=MODEL, prompt="Hello")


async def test_sigterm_waits_for_the_running_answer(server: NatsServer, bus: Bus) -> None:
    upstream = Upstream(bus, lambda request: [])
    await upstream.start()
    with running(server.url) as (process, port):
        async with client(port) as asked:
            asking = asyncio.create_task(asked.completions.create(model=MODEL, prompt="Hello"))
            request = await asyncio.wait_for(upstream.requests.get(), 10)
            process.send_signal(signal.SIGTERM)
            await until(lambda: refuses_connections(port))
            upstream.send("local", request, whole(TEXT))
            assert (await asking).choices[0].text == "Hi"
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"ANONYMOUS_TENANT": "a b"}, 2, "TOKENLANE_ANONYMOUS_TENANT"),
        ({"API_KEYS_FILE": "none.json"}, 1, "TOKENLANE_API_KEYS_FILE"),
        ({"MAX_BODY_BYTES": "100000000"}, 1, "TOKENLANE_MAX_BODY_BYTES"),
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
