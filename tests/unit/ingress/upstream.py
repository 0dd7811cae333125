"""The far side of the bus, as far as the door can see it."""

import asyncio
from collections.abc import Callable, Sequence

from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal, Waiting
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus, Message
from tokenlane_proto import subjects
from tokenlane_proto.codec import decode_request
from tokenlane_proto.events import count

JSON_HEAD = Head(
    http_status=200,
    content_type="application/json",
    lane="short",
    budget_tokens=96,
    budget_output_tokens=5,
    queue_wait_us=1_500,
)
SSE_HEAD = Head(http_status=200, content_type="text/event-stream; charset=utf-8", lane="short", budget_tokens=96)
DONE = Terminal(outcome=Outcome.OUTCOME_COMPLETED)

Script = Callable[[Request], Sequence[Frame]]


def whole(data: bytes, head: Head = JSON_HEAD) -> list[Frame]:
    """An answer of one frame."""
    return [Frame(attempt=1, seq=0, head=head, data=data, terminal=DONE)]


def events(
    *parts: bytes, attempt: int = 1, head: Head = SSE_HEAD, end: Terminal | None = DONE, first: int = 0
) -> list[Frame]:
    """A streamed answer, a frame for each part, which is whole events. `first`: events before it."""
    frames = []
    for seq, part in enumerate(parts):
        frames.append(Frame(attempt=attempt, seq=seq, data=part, first_event=first))
        first += count(part)
    frames[0].head.CopyFrom(head)
    if end is not None:
        frames[-1].terminal.CopyFrom(end)
    return frames


def refused(status: int, code: str, retry_after_ms: int) -> list[Frame]:
    """A refusal as `publish_error` sends it."""
    terminal = Terminal(
        outcome=Outcome.OUTCOME_FAILED, reason="no", http_status=status, code=code, retry_after_ms=retry_after_ms
    )
    head = Head(http_status=status, content_type=results.JSON)
    body = results.error_body("no", "rate_limit_error", code)
    return [Frame(attempt=1, head=head, data=body, terminal=terminal)]


def waiting(position: int, expected_start_ms: int) -> Frame:
    """What is told while a request waits."""
    return Frame(waiting=Waiting(position=position, expected_start_ms=expected_start_ms))


class Upstream:
    """Answers each request with what `script` says for it; keeps what it saw."""

    def __init__(self, bus: Bus, script: Script) -> None:
        self.bus = bus
        self.script = script
        self.requests: asyncio.Queue[Request] = asyncio.Queue()
        self.cancelled: asyncio.Queue[str] = asyncio.Queue()
        self.headers: dict[str, str] = {}

    async def start(self) -> None:
        await self.bus.subscribe("requests.*", self._answer)
        await self.bus.subscribe("cancels.*", lambda message: self.cancelled.put_nowait(message.data.decode()))

    def send(self, tenant: str, request: Request, frames: Sequence[Frame]) -> None:
        """Send frames for a request."""
        for frame in frames:
            self.bus.post(subjects.reply(tenant, request.reply_inbox), frame.SerializeToString())

    def _answer(self, message: Message) -> None:
        request = decode_request(message.data)
        self.headers = dict(message.headers)
        self.requests.put_nowait(request)
        self.send(subjects.tenant_of(message.subject), request, self.script(request))
