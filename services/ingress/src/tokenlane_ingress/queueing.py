"""What a client is told while its request waits."""

import asyncio

from tokenlane.v1.reply_pb2 import Waiting
from tokenlane_client.exchange import Exchange
from tokenlane_ingress.asgi import Headers, Send
from tokenlane_proto.events import EVENT_STREAM

# A stream whose answer comes sooner begins with its own head.
PATIENCE_S = 1.0

_HEADERS = (
    (b"content-type", EVENT_STREAM.encode() + b"; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


def place_headers(place: Waiting | None) -> list[tuple[bytes, bytes]]:
    """Response headers that tell how a request stood last. Positions count from 1 (the next), as in described
    requests."""
    if place is None:
        return []
    return [
        (b"x-tokenlane-queue-position", b"%d" % (place.position + 1)),
        (b"x-tokenlane-expected-start-ms", b"%d" % place.expected_start_ms),
    ]


def comment(place: Waiting) -> bytes:
    """The same for a stream: readers of server-sent events skip comments."""
    return b": queue position %d, expected start in %.1f s\n\n" % (place.position + 1, place.expected_start_ms / 1000)


async def keep_informed(exchange: Exchange, send: Send, headers: Headers) -> bool:
    """Return when there is something to take. True: the client of a stream was told its place until then, for which its
    response has begun."""
    place = await exchange.place()
    if place is None or not await _lasts(exchange):
        return False
    fields = [*_HEADERS, *headers, *place_headers(exchange.waiting)]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    place = exchange.waiting
    while place is not None:
        await send({"type": "http.response.body", "body": comment(place), "more_body": True})
        place = await exchange.place()
    return True


async def _lasts(exchange: Exchange) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while await exchange.place() is not None:
                pass
    except TimeoutError:
        return True
    return False
