"""What a dispatcher that was killed left behind, and one that does not lead any more."""

import asyncio
import time

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from tests.unit.classifier.conftest import MODEL, serving
from tests.unit.classifier.dispatch.test_dispatcher import Worker, wait, with_worker
from tests.unit.classifier.test_service import envelope
from tokenlane.v1.line_pb2 import QueueRoom, Room, Running
from tokenlane.v1.request_pb2 import Classification
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_classifier.dispatch.dispatcher import Dispatcher
from tokenlane_classifier.dispatch.metrics import LineMetrics
from tokenlane_classifier.line.limits import TenantLimits
from tokenlane_proto import subjects, topology

HELD = subjects.held("short", "short", MODEL, "acme", 100)


@pytest.fixture
def idle() -> bool:
    return False


async def left_behind(bus: Bus, request_id: str) -> None:
    """A request that was let go, by a dispatcher that could not delete it where it had waited any more."""
    given = Classification(lane="short", fits="short", prompt_tokens=60, output_tokens=40, ttft_limit_ms=1_000)
    await bus.publish_durable(HELD, envelope(request_id, classification=given))


def tells(bus: Bus, *running: str) -> None:
    queue = QueueRoom(lane="short", fits="short", tokens=10_000, sequences=100)
    names = [Running(tenant="acme", request_id=name, tokens=100) for name in running]
    room = Room(worker="w", model=MODEL, queues=[queue], running=names, whole=True)
    bus.post(subjects.LINE_ROOM, room.SerializeToString())


async def test_what_is_over_does_not_run_again(bus: Bus) -> None:
    await left_behind(bus, "r1")
    await bus.publish_durable(subjects.result("acme", "r1"), b"done")
    async with with_worker(bus) as worker:
        await bus.publish_durable("requests.acme", envelope("r2"))
        worker.has_room(10_000)
        await wait(bus, 0)
        assert await worker.takes(1) == ["r2"]


async def test_what_a_worker_has_is_not_let_go_again(bus: Bus) -> None:
    await left_behind(bus, "r1")
    worker = Worker(bus)
    await worker.start()
    await bus.subscribe(subjects.LINE_HELLO, lambda _: tells(bus, "r1"))
    async with serving(bus, idle=False):
        await wait(bus, 0)
        await bus.publish_durable("requests.acme", envelope("r2"))
        tells(bus, "r1")
        assert await worker.takes(1) == ["r2"]


async def test_who_does_not_lead_any_more_lets_nothing_go() -> None:
    bus, limits = FakeBus(), TenantLimits(tokens_in_flight=100)
    given = Classification(lane="short", fits="short", prompt_tokens=60, output_tokens=40, ttft_limit_ms=1_000)
    await bus.publish_durable(HELD, envelope("r1", classification=given))
    metrics, log = LineMetrics(CollectorRegistry()), structlog.get_logger()
    dispatcher = Dispatcher(bus, lambda _: limits, 1e4, lambda: [MODEL], time.time, lambda: 0.0, metrics, log)
    await bus.subscribe(subjects.LINE_HELLO, lambda _: tells(bus, "other"))
    leading = asyncio.create_task(dispatcher.lead())
    await until(lambda: dispatcher._state.accounts.usage("acme").in_flight == 100, 5)
    assert await bus.subject_counts(topology.LANES, ">") == {HELD: 1}
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    limits = TenantLimits()
    dispatcher.tenant_changed("acme")
    await bus.flush()
    assert await bus.subject_counts(topology.LANES, ">") == {HELD: 1}
