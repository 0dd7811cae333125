"""Writing an answer to the client while it comes in."""

from collections.abc import Callable
from typing import NamedTuple

from tokenlane.v1.reply_pb2 import Head
from tokenlane_ingress.answer import EVENT_STREAM
from tokenlane_ingress.asgi import Headers, Send, answer, answer_error
from tokenlane_ingress.errors import RETRY_AFTER_S, ErrorAnswer
from tokenlane_ingress.exchange import Exchange

_STREAM_HEADERS = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))


class Relayed(NamedTuple):
    """What the client got. `status` 0: it left before the end. `size` in bytes."""

    status: int
    size: int


async def relay(exchange: Exchange, send: Send, headers: Headers, started: Callable[[], None]) -> Relayed:
    """Write the whole answer, adding `headers`. `started` is called when a stream's first byte goes out."""
    part = await exchange.take()
    if exchange.gone:
        return Relayed(0, 0)
    if isinstance(part.end, ErrorAnswer) and not part.data:
        await answer_error(send, part.end, headers)
        return Relayed(part.end.status, 0)
    head = part.head
    if head is None:
        raise AssertionError("an answer began without its head")
    status = head.http_status or 200
    fields = [*head_headers(head), *headers]
    if not head.content_type.startswith(EVENT_STREAM):
        await answer(send, status, part.data, fields)
        return Relayed(status, len(part.data))
    await send({"type": "http.response.start", "status": status, "headers": [*fields, *_STREAM_HEADERS]})
    started()
    size = 0
    while not exchange.gone:
        data = part.data if not isinstance(part.end, ErrorAnswer) else part.data + error_event(part.end)
        size += len(data)
        await send({"type": "http.response.body", "body": data, "more_body": part.end is None})
        if part.end is not None:
            break
        part = await exchange.take()
    return Relayed(status if part.end is not None else 0, size)


def head_headers(head: Head) -> list[tuple[bytes, bytes]]:
    """Response headers that tell what the head says."""
    fields = [
        (b"content-type", head.content_type.encode("latin-1", "replace")),
        (b"x-tokenlane-lane", head.lane.encode("latin-1", "replace")),
        (b"x-tokenlane-budget-tokens", b"%d" % head.budget_tokens),
        (b"x-tokenlane-queue-ms", b"%.1f" % (head.queue_wait_us / 1000)),
    ]
    if head.http_status in (429, 503):
        fields.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    if head.simulated:
        fields.append((b"x-tokenlane-simulated", b"true"))
    return fields


def error_event(error: ErrorAnswer) -> bytes:
    """The event that ends a stream which can no longer have an error status."""
    return b"data: " + error.body() + b"\n\n"
