"""Writing an answer to the client while it comes in."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tokenlane.v1.reply_pb2 import Head
from tokenlane_client.answer import Complete, Part, failure_in
from tokenlane_client.exchange import Exchange
from tokenlane_client.failure import Failure
from tokenlane_ingress import errors
from tokenlane_ingress.asgi import Headers, Send, answer, answer_error
from tokenlane_ingress.errors import SHUTTING_DOWN, ErrorAnswer
from tokenlane_ingress.event_ids import EventIds
from tokenlane_ingress.queueing import keep_informed, place_headers
from tokenlane_ingress.retrying import retry_headers
from tokenlane_proto.events import EVENT_STREAM

_STREAM_HEADERS = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))


class Relayed(NamedTuple):
    """What the client got. `status` 0: it left before the end, or was cut off. `size` in bytes."""

    status: int
    size: int


class Resumable(NamedTuple):
    """A stream that its client can go on with elsewhere. `cut` closes its connection without an end."""

    ids: EventIds
    cut: Callable[[], Awaitable[None]]


async def relay(
    exchange: Exchange,
    send: Send,
    headers: Headers,
    started: Callable[[], None],
    resumable: Resumable | None = None,
    streamed: bool = False,
) -> Relayed:
    """Write the whole answer, adding `headers`. `started` is called when the first byte of a stream's answer goes out.
    With `streamed` its client asked for a stream, which may begin while the request waits."""
    begun = streamed and await keep_informed(exchange, send, headers)
    part = await exchange.take()
    if exchange.gone:
        return Relayed(0, 0)
    if begun:
        part = _as_events(part)
        if part.head is not None:
            started()
        return await _relay_events(exchange, part, send, 200, resumable)
    headers = [*headers, *place_headers(exchange.waiting)]
    if isinstance(part.end, Failure) and not part.data:
        await answer_error(send, errors.of(part.end), headers)
        return Relayed(part.end.status, 0)
    head = part.head
    if head is None:
        raise AssertionError("an answer began without its head")
    status = head.http_status or 200
    fields = [*head_headers(head), *headers, *_retry(part, head)]
    if not head.content_type.startswith(EVENT_STREAM):
        await answer(send, status, part.data, [*fields, *_counted(part)])
        return Relayed(status, len(part.data))
    await send({"type": "http.response.start", "status": status, "headers": [*fields, *_STREAM_HEADERS]})
    started()
    return await _relay_events(exchange, part, send, status, resumable)


async def _relay_events(
    exchange: Exchange, part: Part, send: Send, status: int, resumable: Resumable | None
) -> Relayed:
    """Write what follows the head of a stream, beginning with `part`."""
    size = 0
    while not exchange.gone:
        data, more = _stretch(part, resumable)
        size += len(data)
        await send({"type": "http.response.body", "body": data, "more_body": more})
        if not more:
            return Relayed(status, size)
        if part.end is not None and resumable is not None:
            await resumable.cut()
            break
        part = await exchange.take()
    return Relayed(0, size)


def _as_events(part: Part) -> Part:
    """The first part of an answer whose stream has begun: it may be no stream, but must go on as one."""
    head = part.head
    if head is None or head.content_type.startswith(EVENT_STREAM):
        return part
    if head.http_status >= 400:
        return Part(end=failure_in(part, head))
    lines = b"".join(b"data: %b\n" % line for line in part.data.splitlines())
    return part._replace(data=lines + b"\n")


def _stretch(part: Part, resumable: Resumable | None) -> tuple[bytes, bool]:
    """The next bytes of a stream, and whether it goes on after them, here or elsewhere."""
    data = part.data if resumable is None else resumable.ids.write(part.data)
    if part.end is None:
        return data, True
    if not isinstance(part.end, Failure):
        return data, False
    if resumable is not None and part.end.code == SHUTTING_DOWN:
        return data, True
    return data + error_event(errors.of(part.end)), False


def head_headers(head: Head) -> list[tuple[bytes, bytes]]:
    """Response headers that tell what the head says."""
    fields = [
        (b"content-type", head.content_type.encode("latin-1", "replace")),
        (b"x-tokenlane-lane", head.lane.encode("latin-1", "replace")),
        (b"x-tokenlane-budget-tokens", b"%d" % head.budget_tokens),
        (b"x-tokenlane-queue-ms", b"%.1f" % (head.queue_wait_us / 1000)),
    ]
    if head.budget_output_tokens:
        fields.append((b"x-tokenlane-budget-output-tokens", b"%d" % head.budget_output_tokens))
    if head.simulated:
        fields.append((b"x-tokenlane-simulated", b"true"))
    return fields


def _retry(part: Part, head: Head) -> list[tuple[bytes, bytes]]:
    if head.http_status < 400:
        return []
    failed = failure_in(part, head)
    return retry_headers(failed.status, failed.code, failed.retry_after_ms)


def _counted(part: Part) -> list[tuple[bytes, bytes]]:
    """What the answer took. A stream's headers are sent before that is known."""
    if not isinstance(part.end, Complete) or part.end.completion_tokens is None:
        return []
    return [
        (b"x-tokenlane-prompt-tokens", b"%d" % (part.end.prompt_tokens or 0)),
        (b"x-tokenlane-completion-tokens", b"%d" % part.end.completion_tokens),
    ]


def error_event(error: ErrorAnswer) -> bytes:
    """The event that ends a stream which can no longer have an error status."""
    return b"data: " + error.body() + b"\n\n"
