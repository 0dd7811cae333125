"""The little of ASGI that the door needs: types, reading a bounded body, answering in one piece."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tokenlane_ingress import errors
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_ingress.retrying import retry_headers

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
# Key of the connection in the state of an ASGI scope.
CONNECTION = "tokenlane.connection"
_BODY_TIMEOUT_S = 60
_CUT_S = 1


class ClientGoneError(ConnectionError):
    """The client closed the connection before its request was complete."""


async def read_body(receive: Receive, limit: int) -> bytes | ErrorAnswer:
    """The request's body, at most `limit` bytes. Raises ClientGoneError."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        return await _read_on(receive, body, limit)
    return body if len(body) <= limit else errors.body_too_large(limit)


async def _read_on(receive: Receive, begin: bytes, limit: int) -> bytes | ErrorAnswer:
    chunks, size, more = [begin], len(begin), True
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > limit:
                    return errors.body_too_large(limit)
                more = message.get("more_body", False)
    except TimeoutError:
        return errors.body_too_slow()
    return b"".join(chunks)


async def answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """The whole response. `content-length` is added."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def answer_error(send: Send, error: ErrorAnswer, headers: Headers = ()) -> None:
    """The whole response for an error."""
    fields = [*headers, JSON, *error.headers, *retry_headers(error.status, error.code, error.retry_after_ms)]
    await answer(send, error.status, error.body(), fields)


async def cut(scope: Scope, receive: Receive) -> None:
    """Close the connection in mid-answer: what was written arrives, and the client sees that it is not all."""
    transport = connection_of(scope)
    if transport is None:
        return
    transport.close()
    # It stays open for as long as the client does not read.
    impatient = asyncio.get_running_loop().call_later(_CUT_S, transport.abort)
    try:
        while (await receive())["type"] != "http.disconnect":
            pass
    finally:
        impatient.cancel()


def connection_of(scope: Scope) -> asyncio.WriteTransport | None:
    """The connection that a request came on, where the server tells it (`server.Protocol`)."""
    transport: asyncio.WriteTransport | None = scope.get("state", {}).get(CONNECTION)
    return transport
