"""What happened while nobody listened is made up for."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from tests.unit.classifier.knower import Knower
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_classifier import warming
from tokenlane_classifier.estimate.shared import shards_of
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.snapshots import Snapshots
from tokenlane_classifier.warming import Warming
from tokenlane_proto import topology


def at_once(attempt: int) -> float:
    return 0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "backoff_s", at_once)


class House:
    """A replica that counts the words of events."""

    def __init__(self, bus: Bus, clock: Callable[[], int] = unix_ms, name: str = "one") -> None:
        self.knower = Knower()
        shards = shards_of({"words": self.knower})
        log = structlog.get_logger()
        metrics = Metrics(CollectorRegistry())
        self.shards = shards
        self.snapshots = Snapshots(bus, shards, lambda: self.knower.learned, name, 10, clock, metrics, log)
        self.warming = Warming(bus, self.snapshots, self.learn, clock, log)

    def learn(self, message: Message) -> None:
        self.knower.learn(message.data.decode())


async def tell(bus: Bus, *words: str) -> None:
    async def stored() -> bool:
        return sum((await bus.subject_counts(topology.USAGE, "usage.*")).values()) == there + len(words)

    there = sum((await bus.subject_counts(topology.USAGE, "usage.*")).values())
    for word in words:
        bus.post("usage.acme", word.encode())
    await until(stored)


async def test_without_a_snapshot_the_last_minutes_are_read(bus: Bus) -> None:
    await tell(bus, "a", "b", "a")
    house = House(bus)
    await house.warming.start()
    assert house.knower.known == {"a": 2, "b": 1}
    later = House(bus, lambda: unix_ms() + 3_600_000)
    await later.warming.start()
    assert later.knower.known == {}


async def test_from_the_snapshot_on_events_are_read(bus: Bus) -> None:
    old = House(bus, lambda: unix_ms() - 1_800_000)
    old.knower.learn(*"aaaaab")
    for shard in old.shards:
        await old.snapshots.visit(shard)
    # Written half an hour ago, read from there on: longer than without a snapshot.
    await tell(bus, "c")
    new = House(bus, name="other")
    await new.warming.start()
    assert new.knower.known == {"a": 5, "b": 1, "c": 1}


async def test_what_was_missed_while_the_broker_was_away_is_read_after_the_reconnect() -> None:
    bus = FakeBus()
    house = House(bus)
    await house.warming.start()
    await tell(bus, "a", "b")
    bus.drop_connection()
    bus.reconnect()
    await until(lambda: house.knower.known == {"a": 1, "b": 1})
    await house.warming.stop()


async def test_a_broker_that_does_not_answer_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(warming, "backoff_s", lambda attempt: 0.001)
    bus = FakeBus()
    await tell(bus, "a")
    bus.available = False
    house = House(bus)
    await house.warming.start()
    assert house.knower.known == {}
    bus.available = True
    await until(lambda: house.knower.known == {"a": 1})
    await house.warming.stop()


class Stuck(FakeBus):
    """Answers nothing."""

    async def entry(self, bucket: str, key: str) -> tuple[int, bytes | None]:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_bucket_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "_PATIENCE_S", 0.01)
    house = House(Stuck())
    await house.warming.start()
    await house.warming.stop()


class Breaking(FakeBus):
    """Breaks off in the middle, once."""

    broken: bool = False

    async def read(self, stream: str, subject: str, since_unix_ms: int = 0) -> AsyncGenerator[Message, None]:
        yield Message("usage.acme", b"a", {})
        if not self.broken:
            self.broken = True
            raise BusUnavailableError("gone")
        yield Message("usage.acme", b"b", {})


async def test_what_breaks_off_is_read_again() -> None:
    house = House(Breaking())
    await house.warming.start()
    assert set(house.knower.known) == {"a", "b"}


async def test_no_more_is_read_than_can_be_useful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "_MOST_EVENTS", 40)
    bus = FakeBus()
    await tell(bus, *("a" for _ in range(100)))
    house = House(bus)
    await house.warming.start()
    assert house.knower.known == {"a": 40}
