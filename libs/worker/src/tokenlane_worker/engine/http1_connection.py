"""One HTTP/1.1 connection to an engine: one exchange at a time, answers handed to a Sink as they arrive.

The parser's callbacks only record; the Sink is called after the parser has taken in everything the wake-up brought, so
that a burst of token events costs one call.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from tokenlane_worker.engine.errors import EngineLostError, EngineUnavailableError
from tokenlane_worker.engine.protocol import Sink
from tokenlane_worker.engine.sse import event_end

EVENT_STREAM = "text/event-stream"


class StaleConnectionError(Exception):
    """A re-used connection broke before any of the answer came: the server had closed it while it was idle."""


class Http1Connection(asyncio.Protocol):
    def __init__(self, on_idle_lost: Callable[["Http1Connection"], None]) -> None:
        self.reusable = False
        self._on_idle_lost = on_idle_lost
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._sink: Sink | None = None
        self._done: asyncio.Future[None] | None = None
        self._exchanges = 0
        self._received = False
        self._begin_answer()

    def _begin_answer(self) -> None:
        self._status = 0
        self._content_type = ""
        self._delimited = False
        self._head_sent = False
        self._complete = False
        self._parts: list[bytes] = []

    # the exchange

    async def exchange(self, head: bytes, body: bytes, sink: Sink) -> None:
        """Send one request and return at the end of its answer.

        Raises StaleConnectionError, EngineLostError, or EngineUnavailableError if the connection was closed before.
        """
        transport = self._transport
        if transport is None:
            raise StaleConnectionError if self._exchanges else EngineUnavailableError("the engine hung up at once")
        self._begin_answer()
        self._received = False
        self.reusable = False
        self._exchanges += 1
        self._sink = sink
        self._done = asyncio.get_running_loop().create_future()
        transport.writelines((head, body))
        try:
            await self._done
        except BaseException:
            self.abort()
            raise
        finally:
            self._sink = self._done = None

    def abort(self) -> None:
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._done is None or self._done.done():
            self.abort()
            return
        self._received = True
        try:
            self._parser.feed_data(data)
            self._hand_over()
        except httptools.HttpParserError as error:
            self._fail(EngineLostError(f"the engine sent something that is not HTTP: {error}"))
        except Exception as error:
            self._fail(error)
        else:
            if self._complete:
                self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.reusable = False
        if self._done is None:
            self._on_idle_lost(self)
        elif not self._done.done():
            self._end_by_close(exc)

    # the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"content-type":
                self._content_type = value.decode("latin-1")
            case b"content-length" | b"transfer-encoding":
                self._delimited = True

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._status < 200:
            self._begin_answer()
            return
        self._complete = True
        self.reusable = self._parser.should_keep_alive() and self._delimited

    # the answer

    def _hand_over(self) -> None:
        if self._status < 200 or self._sink is None:
            return
        streams = self._content_type.startswith(EVENT_STREAM)
        if not (streams or self._complete):
            return
        if not self._head_sent:
            self._head_sent = True
            self._sink.head(self._status, self._content_type)
        if not self._parts:
            return
        chunk = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        cut = len(chunk) if self._complete else event_end(chunk)
        self._parts = [chunk[cut:]] if cut < len(chunk) else []
        if cut:
            self._sink.data(chunk[:cut])

    def _end_by_close(self, exc: Exception | None) -> None:
        if not self._received and self._exchanges > 1:
            self._fail(StaleConnectionError())
        elif self._status >= 200 and not self._delimited and exc is None:
            self._complete = True
            self._finish_undelimited()
        else:
            self._fail(EngineLostError("the engine closed the connection before the end of the answer"))

    def _finish_undelimited(self) -> None:
        try:
            self._hand_over()
        except Exception as error:
            self._fail(error)
        else:
            self._finish()

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _fail(self, error: Exception) -> None:
        self.reusable = False
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)
