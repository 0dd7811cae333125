"""A streamed answer, chunk by chunk."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Generic, NoReturn, TypeVar, cast

from tokenlane.v1.reply_pb2 import Head
from tokenlane_client.answer import End, Part, failure_in
from tokenlane_client.bodies import Chunk, parse_event
from tokenlane_client.errors import TokenlaneError, error_of
from tokenlane_client.exchange import Exchange
from tokenlane_client.failure import Failure
from tokenlane_client.waiting import OnWaiting, take
from tokenlane_proto import events
from tokenlane_proto.events import EVENT_STREAM

C = TypeVar("C", bound=Chunk)
Begin = Callable[[], Awaitable[Exchange]]


class Stream(Generic[C]):
    """Chunks as they come: `async with client.stream(…) as stream: async for chunk in stream: …`.

    The request is sent on entering, or with the first chunk asked for. Broken connections, brokers and workers are made
    good unseen. `close` comes with the end of the `async with`; without one, call it unless all chunks were taken."""

    def __init__(
        self,
        request_id: str,
        begin: Begin,
        end: Callable[[Exchange], None],
        wait_s: float | None,
        on_waiting: OnWaiting | None = None,
    ) -> None:
        self.request_id = request_id
        # Lane, budget and whether the engine is a simulation; known from the first chunk on.
        self.head: Head | None = None
        self._begin = begin
        self._end = end
        self._wait_s = wait_s
        self._on_waiting = on_waiting
        self._deadline: float | None = None
        self._exchange: Exchange | None = None
        self._waiting: deque[bytes] = deque()
        self._last: Part | None = None
        self._closed = False

    async def __aenter__(self) -> "Stream[C]":
        await self._opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[C]:
        return self

    async def __anext__(self) -> C:
        try:
            while True:
                chunk = await self._next_chunk()
                if chunk is not None:
                    return chunk
        except (StopAsyncIteration, TokenlaneError):
            self.close()
            raise

    def close(self) -> None:
        """Take no more. A request that is not over is cancelled, unless it has a key of the caller's own."""
        self._closed = True
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            self._end(exchange)

    async def _next_chunk(self) -> C | None:
        if self._closed:
            raise StopAsyncIteration
        while not self._waiting:
            if self._last is not None:
                self._finish(self._last.end)
            await self._receive(await self._opened())
        return cast("C | None", parse_event(self._waiting.popleft(), self.request_id))

    async def _receive(self, exchange: Exchange) -> None:
        part = await take(exchange, asyncio.timeout_at(self._deadline), self._on_waiting)
        if part.head is not None:
            self.head = part.head
            if part.head.http_status >= 400 or not part.head.content_type.startswith(EVENT_STREAM):
                raise error_of(failure_in(part, part.head), self.request_id)
        self._waiting.extend(events.split(part.data))
        if part.end is not None:
            self._last = part

    def _finish(self, end: End | None) -> NoReturn:
        if isinstance(end, Failure):
            raise error_of(end, self.request_id)
        raise StopAsyncIteration

    async def _opened(self) -> Exchange:
        if self._exchange is None:
            if self._wait_s is not None:
                self._deadline = asyncio.get_running_loop().time() + self._wait_s
            self._exchange = await self._begin()
        return self._exchange
