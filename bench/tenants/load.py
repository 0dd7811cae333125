"""Open-loop traffic of many tenants over one connection to the bus, and when each request's first words came."""

import asyncio
import json
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.support.waiting import until
from tokenlane.v1.reply_pb2 import Frame
from tokenlane.v1.request_pb2 import Request
from tokenlane_proto import openai_body, subjects

INBOX = "bench"
_WORDS = ("the", "river", "runs", "past", "an", "old", "library", "and", "a", "market", "near", "mountains")


@dataclass(slots=True)
class Sent:
    """A request. Times in seconds since the load began; NaN: not yet."""

    tenant: str
    sent_s: float
    tokens: int
    first_s: float = math.nan
    ended_s: float = math.nan


@dataclass(slots=True)
class Seen:
    """What became of the requests, by id."""

    requests: dict[str, Sent] = field(default_factory=dict)

    def ttft_s(self, tenants: Sequence[str], since_s: float, until_s: float) -> list[float]:
        """Times to first token of requests that were sent in between, ascending; infinite where none came."""
        chosen = set(tenants)
        found = (
            (sent.first_s if sent.first_s == sent.first_s else math.inf) - sent.sent_s
            for sent in self.requests.values()
            if sent.tenant in chosen and since_s <= sent.sent_s < until_s
        )
        return sorted(found)

    def served(self, since_s: float, until_s: float) -> Mapping[str, int]:
        """Tokens of requests that ended in between, by tenant."""
        found: dict[str, int] = {}
        for sent in self.requests.values():
            if since_s <= sent.ended_s < until_s:
                found[sent.tenant] = found.get(sent.tenant, 0) + sent.tokens
        return found


class Load:
    """Publishes requests to `requests.<tenant>` as they are due."""

    def __init__(self, client: Client, model: str, seed: int) -> None:
        self._client = client
        self._model = model
        self._random = random.Random(seed)
        self._began_s = time.monotonic()
        self._open = 0
        self.seen = Seen()

    @property
    def now_s(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began_s

    async def start(self) -> None:
        """Hear all answers."""
        await self._client.subscribe(
            f"replies.*.{INBOX}.>", cb=self._heard, pending_msgs_limit=0, pending_bytes_limit=0
        )

    async def send(self, due: Iterator[tuple[float, str]]) -> None:
        """Send one request of a tenant at each time, in seconds from now."""
        began_s = self.now_s
        for at_s, tenant in due:
            late_s = began_s + at_s - self.now_s
            if late_s > 0:
                await asyncio.sleep(late_s)
            await self._publish(tenant)

    async def ended(self) -> None:
        """Return when everything that was sent has ended."""
        await until(lambda: not self._open, 3_600, 0.1)

    async def _publish(self, tenant: str) -> None:
        request_id = f"b{len(self.seen.requests)}"
        words, output = self._random.randint(20, 300), self._random.randint(4, 32)
        text = " ".join(self._random.choices(_WORDS, k=words))
        fields = {"messages": [{"role": "user", "content": text}], "max_tokens": output, "ignore_eos": True}
        body = json.dumps({"model": self._model, "stream": True, **fields}).encode()
        endpoint, facts = openai_body.read_facts(body)
        request = Request(
            request_id=request_id,
            endpoint=endpoint,
            facts=facts,
            body=body,
            reply_inbox=f"{INBOX}.{request_id}",
            accepted_unix_ms=time.time_ns() // 1_000_000,
        )
        self.seen.requests[request_id] = Sent(tenant, self.now_s, words + output)
        self._open += 1
        await self._client.publish(subjects.requests(tenant), request.SerializeToString())

    async def _heard(self, message: Msg) -> None:
        sent = self.seen.requests[message.subject.rsplit(".", 1)[1]]
        frame = Frame.FromString(message.data)
        if frame.data and sent.first_s != sent.first_s:
            sent.first_s = self.now_s
        if frame.HasField("terminal"):
            sent.ended_s = self.now_s
            self._open -= 1


def poisson(rates: Mapping[str, float], seconds: float, seed: int) -> Iterator[tuple[float, str]]:
    """Arrivals at so many requests a second of each tenant."""
    source, total, at_s = random.Random(seed), sum(rates.values()), 0.0
    names, weights = list(rates), list(rates.values())
    while (at_s := at_s + source.expovariate(total)) < seconds:
        yield at_s, source.choices(names, weights)[0]
