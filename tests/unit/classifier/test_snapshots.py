"""Estimates in their bucket, on the in-memory bus and on a real nats-server."""

import asyncio
from collections.abc import Mapping

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from tests.unit.classifier.knower import Knower
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.tasks import end
from tokenlane_classifier.estimate.shared import Snapshot, decode, encode, shards_of
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.snapshots import Snapshots
from tokenlane_proto import topology

BUCKET = topology.ESTIMATE_BUCKET
INTERVAL_S = 10.0


class Replica:
    """What one replica knows and keeps; its clock is the test's."""

    def __init__(self, bus: Bus, name: str, interval_s: float = INTERVAL_S) -> None:
        self.knower = Knower()
        self.shards = shards_of({"words": self.knower})
        self.now_ms = 1_000_000
        self.registry = CollectorRegistry()
        self.snapshots = Snapshots(
            bus,
            self.shards,
            lambda: self.knower.learned,
            name,
            interval_s,
            lambda: self.now_ms,
            Metrics(self.registry),
            structlog.get_logger(),
        )

    async def visit_all(self) -> None:
        for shard in self.shards:
            await self.snapshots.visit(shard)

    def counted(self, outcome: str) -> float:
        return self.registry.get_sample_value("tokenlane_estimates_shared_total", {"outcome": outcome}) or 0


async def stored(bus: Bus) -> Mapping[str, int]:
    known = Knower()
    for shard in shards_of({"words": known}):
        value = await bus.get(BUCKET, shard.key)
        if value is not None:
            shard.absorb(decode(value).data)
    return known.known


async def test_a_replica_that_starts_knows_what_another_wrote(bus: Bus) -> None:
    old, new = Replica(bus, "old"), Replica(bus, "new")
    old.knower.learn("a", "b", "a")
    await old.visit_all()
    new.now_ms += 5_000
    assert await new.snapshots.load() == 1_000_000
    assert new.knower.known == {"a": 2, "b": 1}


async def test_nothing_is_known_where_nothing_was_written(bus: Bus) -> None:
    replica = Replica(bus, "one")
    assert await replica.snapshots.load() is None
    await replica.visit_all()
    assert await stored(bus) == {}


async def test_a_cold_replica_adds_to_what_is_there_and_overwrites_nothing(bus: Bus) -> None:
    warm, cold = Replica(bus, "warm"), Replica(bus, "cold")
    warm.knower.learn(*"aabbbc")
    await warm.visit_all()
    cold.knower.learn("a", "d")
    cold.now_ms += 3_600_000
    await cold.visit_all()
    assert await stored(bus) == cold.knower.known == {"a": 2, "b": 3, "c": 1, "d": 1}


async def test_a_fresh_piece_is_left_alone_and_a_stale_one_is_written(bus: Bus) -> None:
    one, other = Replica(bus, "one"), Replica(bus, "other")
    one.knower.learn("a", "b")
    await one.visit_all()
    other.knower.learn("c", "d")
    other.now_ms += 9_999
    await other.visit_all()
    assert await stored(bus) == {"a": 1, "b": 1}
    other.now_ms += 1
    await other.visit_all()
    assert await stored(bus) == {"a": 1, "b": 1, "c": 1, "d": 1}
    assert (one.counted("written"), other.counted("written"), other.counted("absorbed")) == (2, 2, 2)


async def test_nothing_is_written_where_nothing_was_learned_since(bus: Bus) -> None:
    replica = Replica(bus, "one")
    replica.knower.learn("a")
    for _ in range(3):
        await replica.visit_all()
        replica.now_ms += 60_000
    assert replica.counted("written") == 2
    assert replica.knower.dumps == 2


async def test_a_writer_whose_clock_is_ahead_keeps_nobody_from_writing(bus: Bus) -> None:
    ahead, right = Replica(bus, "ahead"), Replica(bus, "right")
    ahead.now_ms += 86_400_000
    ahead.knower.learn("a")
    await ahead.visit_all()
    right.knower.learn("b")
    await right.visit_all()
    assert await stored(bus) == {"a": 1, "b": 1}


async def test_of_two_that_write_at_once_the_second_takes_over_and_writes_later() -> None:
    bus = FakeBus()
    one, other = Replica(bus, "one"), Replica(bus, "other")
    one.knower.learn("a")
    other.knower.learn("b")
    await asyncio.gather(one.visit_all(), other.visit_all())
    assert one.counted("written") + other.counted("written") == 2
    assert one.counted("conflict") + other.counted("conflict") == 2
    for replica in (one, other) * 2:
        replica.now_ms += 10_000
        await replica.visit_all()
    assert await stored(bus) == one.knower.known == other.knower.known == {"a": 1, "b": 1}


@pytest.mark.parametrize("garbage", [b"", b"\xff\x00", encode(Snapshot(1_000_000, "other", b"\xc1"))])
async def test_garbage_is_ignored_with_a_warning_and_written_over(bus: Bus, garbage: bytes) -> None:
    replica = Replica(bus, "one")
    for shard in replica.shards:
        await bus.put(BUCKET, shard.key, garbage)
    replica.knower.learn("a", "b")
    assert await replica.snapshots.load() is None
    await replica.visit_all()
    assert await stored(bus) == {"a": 1, "b": 1}
    assert replica.counted("ignored") == 2


async def test_a_broker_that_is_away_is_waited_for() -> None:
    bus = FakeBus()
    replica = Replica(bus, "one", interval_s=0.002)
    replica.knower.learn("a", "b")
    bus.available = False
    with pytest.raises(BusUnavailableError):
        await replica.snapshots.load()
    keeping = asyncio.create_task(replica.snapshots.keep())
    await until(lambda: replica.counted("failed") >= 3)
    bus.available = True
    await until(lambda: replica.counted("written") >= 2)
    await end(keeping)
    assert await stored(bus) == {"a": 1, "b": 1}


async def test_a_piece_that_is_too_large_for_the_bus_is_said() -> None:
    bus = FakeBus(max_payload=8)
    replica = Replica(bus, "one", interval_s=0.002)
    replica.knower.learn("a" * 20)
    keeping = asyncio.create_task(replica.snapshots.keep())
    await until(lambda: replica.counted("failed") >= 1)
    await end(keeping)
