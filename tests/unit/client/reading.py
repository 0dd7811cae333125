"""Readers and a worker, for tests of what goes between them."""

import asyncio

import structlog

from tests.unit.client.frames import event
from tests.unit.client.worker import Job, ScriptedWorker
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis.bus import Bus
from tokenlane_client.answer import End
from tokenlane_client.exchange import Exchange
from tokenlane_client.exchanges import Exchanges
from tokenlane_client.failure import Failure
from tokenlane_proto import events

ANSWER = [event("one"), event("two"), event("three"), events.DONE]
TEXT = b"".join(ANSWER)


class Far:
    """A worker that runs what the test begins."""

    def __init__(self, bus: Bus) -> None:
        async def nothing(_: Job) -> None:
            """Requests are not published in these tests."""

        self.worker = ScriptedWorker(bus, nothing)

    def job(self, request_id: str, inbox: str = "", attempt: int = 1) -> Job:
        request = Request(request_id=request_id, reply_inbox=inbox)
        job = self.worker.jobs["demo", request_id] = Job(self.worker, "demo", request, attempt)
        return job


async def make(bus: Bus, reader_id: str = "reader") -> Exchanges:
    exchanges = Exchanges(bus, reader_id, structlog.get_logger())
    await exchanges.listen()
    return exchanges


def opened(exchanges: Exchanges, request_id: str | None = None, body_sha256: bytes = b"") -> Exchange:
    exchange = exchanges.open("demo", request_id, body_sha256)
    assert exchange is not None
    return exchange


async def read(exchange: Exchange, seen: bytes = b"") -> tuple[bytes, End]:
    """All that is shown, after what was `seen`, and the end."""
    async with asyncio.timeout(20):
        while True:
            part = await exchange.take()
            seen += part.data
            if part.end is not None:
                return seen, part.end


async def some(exchange: Exchange, count: int, seen: bytes = b"") -> bytes:
    """What is shown until `count` events were."""
    async with asyncio.timeout(20):
        while events.count(seen) < count:
            seen += (await exchange.take()).data
    return seen


def failure_of(end: End) -> Failure:
    assert isinstance(end, Failure)
    return end
