"""A simulated engine to ask, and what it answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tokenlane_worker.engine.simulated import SimulatedEngine, SimulatedEngineConfig

T = TypeVar("T")
MODEL = "sim-8b"
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


@dataclass
class Recorder:
    """A sink that keeps everything; `started` is set by the first data."""

    status: int = 0
    content_type: str = ""
    chunks: list[bytes] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    def head(self, status: int, content_type: str) -> None:
        assert not self.status, "one head an answer"
        self.status, self.content_type = status, content_type

    def data(self, chunk: bytes) -> None:
        assert self.status, "the head comes first"
        self.chunks.append(chunk)
        self.started.set()

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The JSON of every event but the closing [DONE], which must be there."""
        *events, done, rest = self.body.split(b"\n\n")
        assert (done, rest) == (b"data: [DONE]", b"")
        return [json.loads(event.removeprefix(b"data: ")) for event in events]


def chat(content: object = "tell me", **fields: object) -> bytes:
    return json.dumps({"model": MODEL, "messages": [{"role": "user", "content": content}], **fields}).encode()


def completion(prompt: object = "tell me", **fields: object) -> bytes:
    return json.dumps({"model": MODEL, "prompt": prompt, **fields}).encode()


@asynccontextmanager
async def engine(**settings: Any) -> AsyncIterator[SimulatedEngine]:
    running = SimulatedEngine(SimulatedEngineConfig(MODEL, **settings), now=lambda: 1_700_000_000.5)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def asked(running: SimulatedEngine, body: bytes, path: str = CHAT) -> Recorder:
    sink = Recorder()
    await running.generate(path, body, sink)
    return sink


def ask(body: bytes, path: str = CHAT, **settings: Any) -> Recorder:
    """One request to an engine of its own."""

    async def once() -> Recorder:
        async with engine(**settings) as running:
            return await asked(running, body, path)

    return run(once())


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(main, 20))
