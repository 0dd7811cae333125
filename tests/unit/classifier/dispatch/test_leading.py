"""Which replica dispatches: one, soon after the one before it ended or fell silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog

from tests.support.waiting import until
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.tasks import end
from tokenlane_classifier.dispatch import leading
from tokenlane_classifier.dispatch.leading import Leading
from tokenlane_proto import topology


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading, "EVERY_S", 0.02)
    monkeypatch.setattr(leading, "PATIENCE_S", 0.2)


class Replica:
    """Leads for as long as it may."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.leads = False
        self.fails = False
        self.leading = Leading(bus, name, self.lead, structlog.get_logger())

    async def lead(self) -> None:
        if self.fails:
            raise RuntimeError("cannot lead")
        self.leads = True
        try:
            await asyncio.Event().wait()
        finally:
            self.leads = False


@asynccontextmanager
async def standing_by(*replicas: Replica) -> AsyncIterator[list["asyncio.Task[None]"]]:
    tasks = [asyncio.create_task(replica.leading.keep()) for replica in replicas]
    yield tasks
    for task in tasks:
        await end(task)


async def test_one_leads(bus: Bus) -> None:
    replicas = [Replica(bus, name) for name in "abc"]
    async with standing_by(*replicas):
        await until(lambda: any(replica.leads for replica in replicas))
        for _ in range(30):
            await asyncio.sleep(0.01)
            assert sum(replica.leads for replica in replicas) == 1


async def test_one_that_ends_is_followed_at_once(bus: Bus) -> None:
    first, second = Replica(bus, "a"), Replica(bus, "b")
    async with standing_by(first) as (task,):
        await until(lambda: first.leads)
        async with standing_by(second):
            await end(task)
            assert not first.leads
            await until(lambda: second.leads)


async def test_one_that_falls_silent_is_followed(bus: Bus) -> None:
    await bus.update(topology.LINE_BUCKET, "leader", b"gone", 0)
    replica = Replica(bus, "a")
    async with standing_by(replica):
        await asyncio.sleep(0.1)
        assert not replica.leads
        await until(lambda: replica.leads)


async def test_one_that_cannot_show_signs_of_life_stops() -> None:
    bus = FakeBus()
    replica = Replica(bus, "a")
    async with standing_by(replica):
        await until(lambda: replica.leads)
        bus.available = False
        await until(lambda: not replica.leads)
        bus.available = True
        await until(lambda: replica.leads)


async def test_one_that_fails_lets_another(bus: Bus) -> None:
    first, second = Replica(bus, "a"), Replica(bus, "b")
    first.fails = True
    async with standing_by(first, second):
        await until(lambda: second.leads)
