"""An engine whose every move a test decides."""

import asyncio

from tokenlane_worker.engine.protocol import EngineInfo, EngineStats, Sink

CHAT = b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}'


class ScriptedEngine:
    """Answers when told to. `calls` are the bodies in the order of arrival, `request_ids` their ids; `aborted` the
    bodies that were cancelled. `failures` are raised before anything was said, `breaks` in mid-stream; `refusals` are
    answers of status 400. `tokens` is what a text counts, None as of an engine that cannot tell."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.request_ids: list[str] = []
        self.aborted: list[bytes] = []
        self.failures: list[Exception] = []
        self.breaks: list[Exception] = []
        self.refusals: list[bytes] = []
        self.hold = False
        self.streamed: list[bytes] | None = None
        self.finish = asyncio.Event()
        self.tokens: int | None = None

    async def start(self) -> EngineInfo:
        return EngineInfo("m", 1000, 10_000, 16, 8, False)

    async def generate(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
        self.calls.append(body)
        self.request_ids.append(request_id)
        if self.failures:
            raise self.failures.pop(0)
        if self.refusals:
            sink.head(400, "application/json")
            sink.data(self.refusals.pop(0))
            return
        if self.streamed is None:
            sink.head(200, "application/json")
        else:
            sink.head(200, "text/event-stream; charset=utf-8")
            for chunk in self.streamed:
                sink.data(chunk)
        if self.breaks:
            raise self.breaks.pop(0)
        try:
            if self.hold:
                await self.finish.wait()
        except asyncio.CancelledError:
            self.aborted.append(body)
            raise
        sink.data(CHAT if self.streamed is None else b"data: [DONE]\n\n")

    async def count_tokens(self, text: str, model: str) -> int | None:
        return self.tokens

    async def stats(self) -> EngineStats:
        return EngineStats(0, 0, 0.0, 0, 0, 0)

    async def wait_dead(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def stop(self) -> None:
        """Nothing to stop."""
