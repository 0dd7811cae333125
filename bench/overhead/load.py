"""A load generator for loopback, on the worker's own HTTP client: bounded in count, ends by itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tokenlane_worker.engine.endpoint import parse_url
from tokenlane_worker.engine.http1 import Http1Client

_PATH = "/v1/chat/completions"
_BODY = b'{"model":"instant","max_tokens":32,"messages":[{"role":"user","content":"' + b"word " * 20 + b'"}]%b}'
BODY = _BODY % b""
STREAMED_BODY = _BODY % b',"stream":true'
PACED_BODY = _BODY % b',"stream":true,"paced":true'


@dataclass(slots=True)
class Timing:
    """One answer. Unit: seconds since the request was sent."""

    first_byte: float = 0.0
    end: float = 0.0


class Client:
    """Sends one body again and again. Raises AssertionError on an answer that is not whole."""

    def __init__(self, url: str, key: str = "", body: bytes = BODY) -> None:
        self._http = Http1Client(parse_url(url), api_key=key)
        self._body = body

    async def ask(self) -> Timing:
        """One request."""
        timer = _Timer()
        await self._http.post(_PATH, self._body, timer)
        timer.timing.end = time.perf_counter() - timer.begun
        assert timer.status == 200, f"status {timer.status}: {timer.received[:200]!r}"
        assert b"[DONE]" in timer.received or b'"usage"' in timer.received
        return timer.timing

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class _Timer:
    def __init__(self) -> None:
        self.timing = Timing()
        self.status = 0
        self.received = b""
        self.begun = time.perf_counter()

    def head(self, status: int, content_type: str) -> None:
        self.status = status

    def data(self, chunk: bytes) -> None:
        if not self.received:
            self.timing.first_byte = time.perf_counter() - self.begun
        self.received = self.received + chunk if self.received else chunk


async def closed_loop(ask: Callable[[], Awaitable[Timing]], concurrency: int, total: int) -> tuple[float, list[Timing]]:
    """`total` requests, `concurrency` at a time. Returns seconds and timings."""
    left = iter(range(total))
    timings: list[Timing] = []

    async def one() -> None:
        for _ in left:
            timings.append(await ask())

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(one())
    return time.perf_counter() - begun, timings
