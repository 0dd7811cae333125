"""Many tenants' clients over one connection to the bus, and what became of each request."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg

from bench.tenants.requests import Bodies
from tests.support.waiting import until
from tokenlane.v1.reply_pb2 import Frame, Outcome
from tokenlane_proto import subjects

INBOX = "bench"
# What output counts against prompt where tenants share.
_OUTPUT = 2


@dataclass(slots=True)
class Sent:
    """A request. Times in seconds since the load began; NaN: not yet. `number`: among its tenant's, and the same when
    it is sent again. `work`: tokens by what they count for. `retry_s`: of one that was refused."""

    tenant: str
    number: int
    sent_s: float
    first_s: float = math.nan
    ended_s: float = math.nan
    tokens: int = 0
    work: int = 0
    retry_s: float = math.nan
    error: str = ""

    @property
    def ttft_s(self) -> float:
        """Infinite where nothing came."""
        return self.first_s - self.sent_s if self.first_s == self.first_s else math.inf


class Load:
    """`on_end` is awaited with each request that ends. `late_s`: how late one of an open loop was sent at most."""

    def __init__(self, client: Client, bodies: Bodies) -> None:
        self._client = client
        self._bodies = bodies
        self._began_s = time.monotonic()
        self._ids = 0
        self._numbers: Counter[str] = Counter()
        self.open = 0
        self.late_s = 0.0
        self.requests: dict[str, Sent] = {}
        self.on_end: Callable[[Sent], Awaitable[None]] = _nothing

    @property
    def now_s(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began_s

    async def start(self) -> None:
        """Hear all answers, and return once one came."""
        await self._client.subscribe(
            f"replies.*.{INBOX}.>", cb=self._heard, pending_msgs_limit=0, pending_bytes_limit=0
        )
        await until(self._is_served, 30, 0.1)

    async def play(self, arrivals: Iterable[tuple[float, str]]) -> None:
        """Send a request of a tenant at each time, in seconds from now, whatever becomes of them. A tenant's requests
        are the same in each play."""
        self._numbers.clear()
        began_s = self.now_s
        for at_s, tenant in arrivals:
            early_s = began_s + at_s - self.now_s
            if early_s > 0:
                await asyncio.sleep(early_s)
            else:
                self.late_s = max(self.late_s, -early_s)
            await self.send(tenant)

    async def send(self, tenant: str, number: int | None = None) -> Sent:
        """Send a new request, or the one with that number again."""
        self._ids += 1
        if number is None:
            self._numbers[tenant] += 1
            number = self._numbers[tenant]
        request_id = f"b{self._ids}"
        sent = self.requests[request_id] = Sent(tenant, number, self.now_s)
        self.open += 1
        envelope = self._bodies.envelope(tenant, number, request_id, f"{INBOX}.{request_id}")
        await self._client.publish(subjects.requests(tenant), envelope)
        return sent

    async def ended(self, sent: Sequence[Sent], timeout_s: float = 120) -> None:
        """Return when all of these have ended. Raises TimeoutError."""
        await until(lambda: all(one.ended_s == one.ended_s for one in sent), timeout_s, 0.2)

    async def _is_served(self) -> bool:
        sent = await self.send("first")
        await until(lambda: sent.ended_s == sent.ended_s, 30, 0.01)
        return not sent.error

    async def _heard(self, message: Msg) -> None:
        sent = self.requests[message.subject.rsplit(".", 1)[1]]
        frame = Frame.FromString(message.data)
        if frame.data and sent.first_s != sent.first_s:
            sent.first_s = self.now_s
        if frame.HasField("terminal") and sent.ended_s != sent.ended_s:
            sent.ended_s = self.now_s
            self.open -= 1
            usage, ended = frame.terminal.usage, frame.terminal
            sent.tokens = usage.prompt_tokens + usage.completion_tokens
            sent.work = usage.prompt_tokens + _OUTPUT * usage.completion_tokens
            if ended.outcome != Outcome.OUTCOME_COMPLETED:
                sent.error = ended.code or ended.reason
                sent.retry_s = ended.retry_after_ms / 1_000 or math.nan
            await self.on_end(sent)


async def _nothing(sent: Sent) -> None: ...
