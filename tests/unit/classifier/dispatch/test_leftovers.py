"""What a killed broker forgot to delete does not count as work for ever."""

import pytest
import structlog

from tests.unit.classifier.conftest import MODEL
from tests.unit.classifier.test_service import envelope
from tokenlane_chassis.bus import Bus, ConsumerCounts
from tokenlane_classifier.dispatch.leftovers import Leftovers
from tokenlane_classifier.line.waiting import Place
from tokenlane_proto import subjects, topology
from tokenlane_proto.topology import ConsumerSpec

PLACE = (MODEL, Place("short", "short"))
SUBJECT = subjects.lane("short", "short", MODEL, "acme", 100)


@pytest.fixture
def idle() -> bool:
    return False


@pytest.fixture
def known(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages the lane's consumer knows of; the last number counts."""
    numbers = [0]

    async def counts(_: ConsumerSpec) -> ConsumerCounts:
        return ConsumerCounts(numbers[-1], 0)

    monkeypatch.setattr(bus, "consumer_counts", counts)
    return numbers


async def stored(bus: Bus) -> int:
    return (await bus.subject_counts(topology.LANES, ">")).get(SUBJECT, 0)


async def look(bus: Bus, leftovers: Leftovers) -> None:
    await leftovers.look(await bus.subject_counts(topology.LANES, ">"), [PLACE])


async def test_what_is_over_and_unknown_twice_is_deleted(bus: Bus, known: list[int]) -> None:
    await bus.publish_durable(SUBJECT, envelope("over"))
    await bus.publish_durable(SUBJECT, envelope("waits"))
    await bus.publish_durable(subjects.result("acme", "over"), b"done")
    known.append(1)
    leftovers = Leftovers(bus, structlog.get_logger())
    await look(bus, leftovers)
    assert await stored(bus) == 2
    await look(bus, leftovers)
    assert await stored(bus) == 1
    await look(bus, leftovers)
    assert await stored(bus) == 1


async def test_what_the_consumer_knows_of_stays(bus: Bus, known: list[int]) -> None:
    await bus.publish_durable(SUBJECT, envelope("over"))
    await bus.publish_durable(subjects.result("acme", "over"), b"done")
    leftovers = Leftovers(bus, structlog.get_logger())
    for number in (0, 1, 0, 1):
        known.append(number)
        await look(bus, leftovers)
    assert await stored(bus) == 1
