"""A small HTTP/1.1 client for one engine, on the path of every request.

It does what this path needs and no more: POST bytes, hand the answer to a Sink, keep connections alive. A general
client costs several times the CPU per request.
"""

import asyncio
import ssl
from dataclasses import dataclass

from tokenlane_worker.engine.endpoint import Endpoint
from tokenlane_worker.engine.errors import EngineLostError, EngineUnavailableError
from tokenlane_worker.engine.http1_connection import Http1Connection, StaleConnectionError
from tokenlane_worker.engine.protocol import Sink


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    content_type: str
    body: bytes


class Http1Client:
    """Connections are re-used last in, first out, so that surplus ones grow idle and are closed by the server."""

    def __init__(self, endpoint: Endpoint, *, api_key: str = "", connect_timeout_s: float = 5.0) -> None:
        self._endpoint = endpoint
        self._connect_timeout_s = connect_timeout_s
        self._tls = ssl.create_default_context() if endpoint.tls and not endpoint.socket_path else None
        self._headers = f"Host: {endpoint.host_header}\r\nAccept: */*\r\n"
        if api_key:
            self._headers += f"Authorization: Bearer {api_key}\r\n"
        self._post_heads: dict[str, bytes] = {}
        self._idle: list[Http1Connection] = []
        self._busy: set[Http1Connection] = set()

    async def post(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
        """Send a JSON body and return at the end of the answer; a cancelled call closes its connection. `request_id`
        goes along as X-Request-Id and must be fit for a header.

        Raises EngineUnavailableError (not connected: nothing was sent) or EngineLostError (broke before the end).
        """
        extra = b"\r\nX-Request-Id: %b" % request_id.encode() if request_id else b""
        await self._exchange(b"%b%d%b\r\n\r\n" % (self._post_head(path), len(body), extra), body, sink)

    async def ask(self, path: str, body: bytes) -> Response:
        """Send a JSON body and return the whole answer. Raises as `post` does."""
        collector = _Collector()
        await self.post(path, body, collector)
        return collector.response()

    async def get(self, path: str) -> Response:
        """Raises as `post` does."""
        collector = _Collector()
        head = f"GET {self._endpoint.base_path}{path} HTTP/1.1\r\n{self._headers}\r\n"
        await self._exchange(head.encode("latin-1"), b"", collector)
        return collector.response()

    def close(self) -> None:
        """Close every connection; a call in flight ends with EngineLostError."""
        for connection in (*self._idle, *self._busy):
            connection.abort()
        self._idle.clear()

    @property
    def idle_connections(self) -> int:
        return len(self._idle)

    async def _exchange(self, head: bytes, body: bytes, sink: Sink) -> None:
        if self._idle:
            try:
                return await self._exchange_on(self._idle.pop(), head, body, sink)
            except StaleConnectionError:
                await self._exchange_again(head, body, sink)
        else:
            await self._exchange_on(await self._connect(), head, body, sink)

    async def _exchange_again(self, head: bytes, body: bytes, sink: Sink) -> None:
        try:
            await self._exchange_on(await self._connect(), head, body, sink)
        except EngineUnavailableError as error:
            # the first connection may have broken because of this very request, so it does not count as unsent
            raise EngineLostError(f"the engine broke at this request, or just before it: {error}") from error

    async def _exchange_on(self, connection: Http1Connection, head: bytes, body: bytes, sink: Sink) -> None:
        self._busy.add(connection)
        try:
            await connection.exchange(head, body, sink)
        finally:
            self._busy.discard(connection)
            if connection.reusable:
                self._idle.append(connection)
            else:
                connection.abort()

    async def _connect(self) -> Http1Connection:
        loop = asyncio.get_running_loop()
        endpoint = self._endpoint
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                if endpoint.socket_path:
                    _, made = await loop.create_unix_connection(self._new_connection, endpoint.socket_path)
                else:
                    _, made = await loop.create_connection(
                        self._new_connection, endpoint.host, endpoint.port, ssl=self._tls
                    )
        except OSError as error:
            reason = str(error) or type(error).__name__
            raise EngineUnavailableError(f"no connection to the engine at {endpoint}: {reason}") from error
        return made

    def _new_connection(self) -> Http1Connection:
        return Http1Connection(self._forget)

    def _forget(self, connection: Http1Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    def _post_head(self, path: str) -> bytes:
        head = self._post_heads.get(path)
        if head is None:
            text = f"POST {self._endpoint.base_path}{path} HTTP/1.1\r\n{self._headers}"
            head = f"{text}Content-Type: application/json\r\nContent-Length: ".encode("latin-1")
            self._post_heads[path] = head
        return head


class _Collector:
    def __init__(self) -> None:
        self._status = 0
        self._content_type = ""
        self._parts: list[bytes] = []

    def head(self, status: int, content_type: str) -> None:
        self._status, self._content_type = status, content_type

    def data(self, chunk: bytes) -> None:
        self._parts.append(chunk)

    def response(self) -> Response:
        return Response(self._status, self._content_type, b"".join(self._parts))
