"""The door on a real socket: the official client, clients that leave, and the drain."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import openai
import pytest
from openai import AsyncOpenAI

from tests.unit.ingress.conftest import CHAT, CHAT_PATH, KEY, House
from tests.unit.ingress.upstream import events, whole
from tokenlane.v1.reply_pb2 import Frame, Outcome, Terminal
from tokenlane.v1.request_pb2 import Request
from tokenlane_ingress import errors
from tokenlane_ingress.server import bind, serve

COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": CHAT["model"],
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "a_field_of_tomorrow": True,
}


def chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": CHAT["model"], "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


@dataclass(frozen=True)
class Served:
    """A house with its door open."""

    house: House
    port: int
    serving: asyncio.Task[None]

    def client(self, key: str = KEY) -> AsyncOpenAI:
        return AsyncOpenAI(api_key=key, base_url=f"http://127.0.0.1:{self.port}/v1", max_retries=0, timeout=10)

    async def connect(self, body: bytes = b"", request_id: str = "raw") -> asyncio.StreamReader:
        """Post a streamed request over a plain socket; the reader keeps the connection open."""
        reader, self_writer = await asyncio.open_connection("127.0.0.1", self.port)
        data = body or json.dumps({**CHAT, "stream": True}).encode()
        head = f"POST {CHAT_PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nx-request-id: {request_id}\r\n"
        self_writer.write(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
        self.writers.append(self_writer)
        return reader

    @property
    def writers(self) -> list[asyncio.StreamWriter]:
        return _writers.setdefault(self.port, [])


_writers: dict[int, list[asyncio.StreamWriter]] = {}


@pytest.fixture
async def served(house: House) -> AsyncIterator[Served]:
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    stopping = house.context.stopping

    def give_up() -> None:
        house.door.exchanges.finish_all(errors.shutting_down())

    serving = asyncio.create_task(serve(house.door.app, listener, stopping, 0.4, give_up))
    yield Served(house, port, serving)
    stopping.set()
    await asyncio.wait_for(serving, 10)
    for writer in _writers.pop(port, ()):
        writer.close()
