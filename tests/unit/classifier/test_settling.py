"""Each delivery is settled once: acknowledged when it is dealt with, given back when it is not."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from tokenlane_chassis.bus import Delivery
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.retry import backoff_s
from tokenlane_classifier.settling import Settling
from tokenlane_proto import topology


class Handler:
    """Does what `outcome` says, and keeps what it was called with."""

    def __init__(self, outcome: Callable[[Delivery], Awaitable[None]]) -> None:
        self.outcome = outcome
        self.attempts: list[int] = []
        self.given_up: list[int] = []

    async def handle(self, delivery: Delivery) -> None:
        self.attempts.append(delivery.attempt)
        await self.outcome(delivery)

    async def give_up(self, delivery: Delivery) -> None:
        self.given_up.append(delivery.attempt)


async def done(delivery: Delivery) -> None:
    """All went well."""


async def unavailable(delivery: Delivery) -> None:
    raise BusUnavailableError("no acknowledgement")


async def broken(delivery: Delivery) -> None:
    raise KeyError("a bug")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_classifier.settling.backoff_s", lambda attempt: 0)


async def settling_on(bus: FakeBus, handler: Handler, limit: int = 8) -> Settling:
    metrics = Metrics(CollectorRegistry())
    settling = Settling(handler.handle, handler.give_up, limit, metrics, structlog.get_logger())
    settling.fed_by(await bus.pull(topology.CLASSIFIER_CONSUMER, settling.receive, settling.room))
    return settling


async def test_done_is_acknowledged() -> None:
    bus, handler = FakeBus(), Handler(done)
    settling = await settling_on(bus, handler)
    await bus.publish_durable("requests.acme", b"x")
    await until(lambda: bool(handler.attempts))
    await settling.drain(1)
    assert [delivery.settled for delivery in bus.deliveries] == ["ack"]


async def test_what_the_bus_did_not_take_comes_again_for_as_long_as_it_takes() -> None:
    bus, handler = FakeBus(), Handler(unavailable)
    await settling_on(bus, handler)
    await bus.publish_durable("requests.acme", b"x")
    await until(lambda: len(handler.attempts) >= 12)
    assert not handler.given_up
    handler.outcome = done
    await until(lambda: bus.deliveries[-1].settled == "ack")


async def test_what_always_fails_is_given_up_and_acknowledged() -> None:
    bus, handler = FakeBus(), Handler(broken)
    await settling_on(bus, handler)
    await bus.publish_durable("requests.acme", b"x")
    await until(lambda: bus.deliveries != [] and bus.deliveries[-1].settled == "ack")
    assert handler.given_up == [handler.attempts[-1]] == [5]


async def test_no_more_than_the_limit_are_in_flight_and_all_are_served() -> None:
    bus = FakeBus()
    running, most, served = 0, 0, 0

    async def count(delivery: Delivery) -> None:
        nonlocal running, most, served
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        served += 1

    await settling_on(bus, Handler(count), limit=4)
    for _ in range(50):
        await bus.publish_durable("requests.acme", b"x")
    await until(lambda: served == 50)
    assert most <= 4


async def test_large_messages_are_bounded_by_their_bytes() -> None:
    bus, gate = FakeBus(max_payload=32 * 1024 * 1024), asyncio.Event()

    async def wait(delivery: Delivery) -> None:
        await gate.wait()

    handler = Handler(wait)
    settling = await settling_on(bus, handler, limit=100)
    for _ in range(6):
        await bus.publish_durable("requests.acme", bytes(16 * 1024 * 1024))
    await until(lambda: settling.room() == 0)
    assert len(bus.deliveries) == 2
    gate.set()
    await until(lambda: len(handler.attempts) == 6)
    await settling.drain(1)
    assert settling.room() == 100


async def test_a_drain_waits_for_what_is_in_flight() -> None:
    bus, gate = FakeBus(), asyncio.Event()

    async def wait(delivery: Delivery) -> None:
        await gate.wait()

    handler = Handler(wait)
    settling = await settling_on(bus, handler)
    await bus.publish_durable("requests.acme", b"x")
    await until(lambda: bool(handler.attempts))
    drain = asyncio.create_task(settling.drain(5))
    await asyncio.sleep(0)
    assert not drain.done()
    gate.set()
    await drain
    assert bus.deliveries[0].settled == "ack"


def test_the_wait_doubles_up_to_ten_seconds() -> None:
    assert [backoff_s(attempt) for attempt in (1, 2, 3)] == [0.1, 0.2, 0.4]
    assert backoff_s(8) == backoff_s(10_000) == 10.0
