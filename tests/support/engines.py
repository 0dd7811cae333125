"""An engine whose every move a test decides."""

import asyncio

from tokenlane_worker.engine.protocol import EngineInfo, EngineStats, Sink

CHAT = b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}'


class ScriptedEngine:
    """Answers when told to. `calls` are the bodies in the order of arrival; `aborted` those that were cancelled."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.aborted: list[bytes] = []
        self.failures: list[Exception] = []
        self.hold = False
        self.streamed: list[bytes] | None = None
        self.finish = asyncio.Event()

    async def start(self) -> EngineInfo:
        return EngineInfo("m", 1000, 10_000, 16, 8, False)

    async def generate(self, path: str, body: bytes, sink: Sink) -> None:
        self.calls.append(body)
        if self.failures:
            raise self.failures.pop(0)
        if self.streamed is None:
            sink.head(200, "application/json")
        else:
            sink.head(200, "text/event-stream; charset=utf-8")
            for chunk in self.streamed:
                sink.data(chunk)
        try:
            if self.hold:
                await self.finish.wait()
        except asyncio.CancelledError:
            self.aborted.append(body)
            raise
        sink.data(CHAT if self.streamed is None else b"data: [DONE]\n\n")

    async def stats(self) -> EngineStats:
        return EngineStats(0, 0, 0.0, 0, 0, 0)

    async def wait_dead(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def stop(self) -> None:
        """Nothing to stop."""
