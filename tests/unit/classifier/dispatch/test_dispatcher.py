"""Classifiers, their dispatcher and a worker on a bus: what waits, what goes, and in which order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.support.waiting import until
from tests.unit.classifier.conftest import MODEL, serving
from tests.unit.classifier.test_service import envelope
from tokenlane.v1.line_pb2 import QueueRoom, Room
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_chassis.bus import Bus, Delivery, Message
from tokenlane_chassis.clock import unix_ms
from tokenlane_proto import codec, headers, subjects, topology


@pytest.fixture
def idle() -> bool:
    return False


class Worker:
    """Takes what comes to the short lane, and tells of room for `tokens` more whenever it is asked to."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.took: list[str] = []
        self._untold = 0

    async def start(self) -> None:
        consumer = topology.lane_consumer("short", "short", MODEL)
        await self.bus.pull(consumer, self._take, lambda: 100)

    def has_room(self, tokens: int) -> None:
        queue = QueueRoom(lane="short", fits="short", tokens=tokens, sequences=100, taken=self._untold)
        self._untold = 0
        room = Room(worker="w", model=MODEL, queues=[queue], whole=True)
        self.bus.post(subjects.LINE_ROOM, room.SerializeToString())

    async def takes(self, count: int) -> list[str]:
        """The requests that it took, once they are so many."""
        await until(lambda: len(self.took) >= count, 10)
        return self.took

    def _take(self, delivery: Delivery) -> None:
        self.took.append(codec.decode_request(delivery.data).request_id)
        self._untold += 1
        delivery.ack()


@asynccontextmanager
async def with_worker(bus: Bus, replicas: int = 1) -> AsyncIterator[Worker]:
    worker = Worker(bus)
    await worker.start()
    async with AsyncExitStack() as stack:
        for _ in range(replicas):
            await stack.enter_async_context(serving(bus, idle=False))
        # Whoever dispatched in a test before knows no worker here.
        worker.has_room(0)
        yield worker


async def waiting(bus: Bus) -> int:
    return sum((await bus.subject_counts(topology.LANES, topology.ALL_HELD)).values())


async def wait(bus: Bus, count: int) -> None:
    async def enough() -> bool:
        return await waiting(bus) == count

    await until(enough, 10)


async def test_what_waits_goes_once_a_worker_has_room(bus: Bus) -> None:
    async with with_worker(bus) as worker:
        for number in range(5):
            await bus.publish_durable("requests.acme", envelope(f"r{number}"))
        await wait(bus, 5)
        assert worker.took == []
        worker.has_room(1_000_000)
        assert sorted(await worker.takes(5)) == [f"r{number}" for number in range(5)]
        await wait(bus, 0)


async def test_the_most_urgent_goes_first(bus: Bus) -> None:
    async with with_worker(bus) as worker:
        for name, limit in (("slow", 60_000), ("soon", 10_000), ("now", 1_000)):
            asked = codec.decode_request(envelope(name, accepted_unix_ms=unix_ms()))
            asked.ttft_limit_ms = limit
            await bus.publish_durable("requests.acme", asked.SerializeToString())
        await wait(bus, 3)
        for count in (1, 2, 3):
            worker.has_room(1)
            await worker.takes(count)
        assert worker.took == ["now", "soon", "slow"]


async def test_what_waits_outlives_every_classifier(bus: Bus) -> None:
    async with serving(bus, idle=False):
        await bus.publish_durable("requests.acme", envelope("r1"))
        await wait(bus, 1)
    async with with_worker(bus, replicas=2) as worker:
        worker.has_room(1_000_000)
        assert await worker.takes(1) == ["r1"]
        await wait(bus, 0)


async def test_another_replica_goes_on_where_one_ends(bus: Bus) -> None:
    worker = Worker(bus)
    await worker.start()
    async with AsyncExitStack() as both:
        first = await both.enter_async_context(serving(bus, idle=False))
        await both.enter_async_context(serving(bus, idle=False))
        worker.has_room(0)
        await bus.publish_durable("requests.acme", envelope("r1"))
        await wait(bus, 1)
        first.stopping.set()

        async def goes() -> bool:
            worker.has_room(1_000_000)
            return worker.took == ["r1"]

        await until(goes, 10)
        await wait(bus, 0)


async def test_a_cancelled_request_does_not_go(bus: Bus) -> None:
    async with with_worker(bus) as worker:
        await bus.publish_durable("requests.acme", envelope("r1"))
        await wait(bus, 1)
        bus.post("cancels.acme", b"r1")
        await wait(bus, 0)
        await bus.publish_durable("requests.acme", envelope("r2"))
        await wait(bus, 1)
        worker.has_room(1_000_000)
        assert await worker.takes(1) == ["r2"]


async def test_a_request_whose_deadline_passes_while_it_waits_ends(bus: Bus) -> None:
    async with with_worker(bus):
        await bus.publish_durable("requests.acme", envelope("r1", deadline_unix_ms=unix_ms() + 300))
        await wait(bus, 1)
        await wait(bus, 0)
        result = await bus.last(topology.RESULTS, "results.acme.r1")
        assert result is not None
        assert (result.headers[headers.STATUS], result.headers[headers.OUTCOME]) == ("504", "expired")


async def test_beyond_its_limits_a_tenant_is_told_when_to_come_again(bus: Bus) -> None:
    policy = TenantPolicy(requests_queued=1)
    await bus.put(topology.TENANT_BUCKET, "acme", policy.SerializeToString())
    async with with_worker(bus):
        await bus.publish_durable("requests.acme", envelope("r1"))
        await wait(bus, 1)
        await bus.publish_durable("requests.acme", envelope("r2"))

        async def refused() -> bool:
            return await bus.last(topology.RESULTS, "results.acme.r2") is not None

        await until(refused, 10)
        result = await bus.last(topology.RESULTS, "results.acme.r2")
        assert result is not None
        assert (result.headers[headers.STATUS], result.headers[headers.CODE]) == ("429", "requests_queued_exceeded")
        assert int(result.headers[headers.RETRY_AFTER_MS]) > 0


async def test_a_refused_request_may_come_again_under_its_key(bus: Bus) -> None:
    await bus.put(topology.TENANT_BUCKET, "acme", TenantPolicy(requests_queued=1).SerializeToString())
    heard: list[Message] = []
    await bus.subscribe("replies.acme.>", heard.append)
    async with with_worker(bus) as worker:
        await bus.publish_durable("requests.acme", envelope("r1"))
        await wait(bus, 1)
        keyed = codec.decode_request(envelope("r2"))
        keyed.idempotency_key, keyed.body_sha256 = "mine", bytes(32)
        keyed.request_id = subjects.keyed_id("mine")
        await bus.publish_durable("requests.acme", keyed.SerializeToString())
        await until(lambda: any(codec.decode_frame(each.data).HasField("terminal") for each in heard), 10)
        refused = next(frame for each in heard if (frame := codec.decode_frame(each.data)).HasField("terminal"))
        assert (refused.head.http_status, refused.terminal.retry_after_ms > 0) == (429, True)
        worker.has_room(1_000_000)
        await worker.takes(1)
        keyed.accepted_unix_ms = unix_ms()
        await bus.publish_durable("requests.acme", keyed.SerializeToString())
        assert await worker.takes(2) == ["r1", keyed.request_id]
