"""A small HTTP server that answers chat requests as the ingress does."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

BYTES_PER_TOKEN = 4
OVERHEAD_TOKENS = 6


@dataclass
class FakeIngress:
    """What it does and what it saw. Requests of more than `refuse_above` prompt tokens get a 400; after `break_after`
    tokens a stream ends without its end. `hold`: answers wait for it."""

    url: str = ""
    refuse_above: int = 10**9
    break_after: int = 10**9
    hold: asyncio.Event | None = None
    running: int = 0
    most_running: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    preemptions: int = 0

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.keys.add(request.headers["Authorization"])
        prompt = len(body["messages"][0]["content"]) // BYTES_PER_TOKEN + OVERHEAD_TOKENS
        tokens = body["max_tokens"]
        self.asked.append((prompt, tokens))
        if prompt > self.refuse_above:
            return web.json_response({"error": {"message": "too long", "type": "invalid_request_error"}}, status=400)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.hold is not None:
                await self.hold.wait()
            return await self._stream(request, prompt, tokens)
        finally:
            self.running -= 1

    async def _stream(self, request: web.Request, prompt: int, tokens: int) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "x-tokenlane-lane": "short" if prompt + tokens <= 512 else "long",
                "x-tokenlane-budget-tokens": str(prompt + tokens + 10),
                "x-tokenlane-queue-ms": "1.5",
                "x-tokenlane-simulated": "true",
            }
        )
        await response.prepare(request)
        for number in range(tokens):
            if number == self.break_after:
                return response
            await response.write(_event({"choices": [{"index": 0, "delta": {"content": f"word{number} "}}]}))
        usage = {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}
        await response.write(_event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n")
        return response

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "fake-model"}]})

    async def metrics(self, request: web.Request) -> web.Response:
        return web.Response(
            text="# HELP other_total Something else.\n# TYPE other_total counter\nother_total 3.0\n"
            "# HELP tokenlane_engine_preemptions_total Requests preempted.\n"
            "# TYPE tokenlane_engine_preemptions_total counter\n"
            f'tokenlane_engine_preemptions_total{{lane="short"}} {self.preemptions}.0\n'
        )


@asynccontextmanager
async def fake_ingress() -> AsyncIterator[FakeIngress]:
    """Runs on a free loopback port as long as the context is open."""
    fake = FakeIngress()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", fake.chat)
    app.router.add_get("/v1/models", fake.models)
    app.router.add_get("/metrics", fake.metrics)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http://{host}:{port}"
    try:
        yield fake
    finally:
        await runner.cleanup()


def _event(content: dict[str, object]) -> bytes:
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", **content}
    return f"data: {json.dumps(chunk)}\n\n".encode()
