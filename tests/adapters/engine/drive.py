"""Asking an engine, whichever it is, and reading what it says."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tokenlane_worker.engine.backoff import until
from tokenlane_worker.engine.protocol import Engine, EngineInfo, EngineStats

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
Make = Callable[[], Engine]


@dataclass
class Answer:
    """What a sink heard."""

    status: int = 0
    content_type: str = ""
    chunks: list[bytes] = field(default_factory=list)
    first: asyncio.Event = field(default_factory=asyncio.Event)

    def head(self, status: int, content_type: str) -> None:
        self.status, self.content_type = status, content_type

    def data(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.first.set()

    @property
    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(b"".join(self.chunks))
        return body

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of a stream, which must have ended as OpenAI ends one."""
        texts = b"".join(self.chunks).decode().split("\n\n")
        assert texts[-2:] == ["data: [DONE]", ""]
        return [json.loads(text.removeprefix("data: ")) for text in texts[:-2]]


@dataclass(frozen=True)
class Started:
    engine: Engine
    info: EngineInfo

    async def dead(self) -> bool:
        waiting = asyncio.ensure_future(self.engine.wait_dead())
        done, _ = await asyncio.wait([waiting], timeout=0.01)
        waiting.cancel()
        return bool(done)

    async def ask(self, path: str, **body: Any) -> Answer:
        answer = Answer()
        await self.send(answer, path, **body)
        return answer

    async def send(self, answer: Answer, path: str, request_id: str = "", **body: Any) -> None:
        given = {"model": self.info.model, **body}
        await self.engine.generate(path, json.dumps(given).encode(), answer, request_id)

    async def chat(self, text: str = "Hello", **body: Any) -> Answer:
        return await self.ask(CHAT, messages=[{"role": "user", "content": text}], **body)

    async def complete(self, text: str = "Hello", **body: Any) -> Answer:
        return await self.ask(COMPLETIONS, prompt=text, **body)

    async def until_stats(self, wanted: Callable[[EngineStats], bool]) -> EngineStats:
        """The first statistics that are as `wanted`. Raises TimeoutError after 20 s."""
        seen: list[EngineStats] = []

        async def look() -> bool:
            seen.append(await self.engine.stats())
            return wanted(seen[-1])

        if not await until(look, 20):
            raise TimeoutError(f"the last statistics were {seen[-1]}")
        return seen[-1]
