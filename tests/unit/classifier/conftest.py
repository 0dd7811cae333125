"""A classifier on either bus."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.line_pb2 import QueueRoom, Room
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.service import Context
from tokenlane_chassis.tracing import Tracing
from tokenlane_classifier.classifier import Classifier
from tokenlane_classifier.controls import Controls
from tokenlane_classifier.dispatch.asking import Asking
from tokenlane_classifier.dispatch.candidates import Patience
from tokenlane_classifier.knowledge import Knowledge
from tokenlane_classifier.ledger import Ledger
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.service import estimates_of, serve
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_classifier.tenants import Tenants
from tokenlane_proto import subjects, topology

MODEL = "m/x.y"
Running = Callable[[], AbstractAsyncContextManager[Context[ClassifierSettings]]]


async def register_lanes(bus: Bus) -> None:
    for lane, length in (("short", 8_192), ("long", 32_768)):
        profile = LaneProfile(lane=lane, model=MODEL, max_model_len=length)
        await bus.put(topology.LANE_BUCKET, topology.lane_key(lane, MODEL), profile.SerializeToString())


def _room() -> bytes:
    pairs = [(lane, fits) for lane in ("short", "long") for fits in ("short", "long")]
    queues = [QueueRoom(lane=lane, fits=fits, tokens=2**40, sequences=2**20) for lane, fits in pairs]
    return Room(worker="idle", model=MODEL, queues=queues, whole=True).SerializeToString()


async def idle_worker(bus: Bus) -> None:
    """Tells each dispatcher of room for anything, and again whenever it is asked something: it is never silent for
    long while that matters."""
    for subject in (subjects.LINE_HELLO, subjects.LINE_ASK):
        await bus.subscribe(subject, lambda _: bus.post(subjects.LINE_ROOM, _room()))


async def dispatched(bus: Bus, idle: bool = True) -> None:
    """Return when somebody dispatches, and knows the idle worker if there is one."""
    while not await bus.ask(subjects.LINE_ASK, b"", 0.1):
        await asyncio.sleep(0.01)
    if idle:
        bus.post(subjects.LINE_ROOM, _room())
        await bus.ask(subjects.LINE_ASK, b"", 5)


@pytest.fixture
def idle() -> bool:
    """Whether there is a worker with room for anything."""
    return True


@pytest.fixture
async def bus(bus: Bus, idle: bool) -> Bus:
    """A bus that knows the lanes."""
    await register_lanes(bus)
    if idle:
        await idle_worker(bus)
    return bus


def context_on(
    bus: Bus, tracing: Tracing | None = None, settings: ClassifierSettings | None = None
) -> Context[ClassifierSettings]:
    return Context(
        settings or ClassifierSettings(),
        bus,
        structlog.get_logger(),
        CollectorRegistry(),
        tracing or Tracing("classifier", None),
        asyncio.Event(),
    )


async def classifier_on(bus: Bus) -> tuple[Classifier, Controls]:
    """A classifier that nothing is delivered to, with its controls."""
    context = context_on(bus)
    metrics, ledger = Metrics(context.registry), Ledger()
    settings = context.settings
    knowledge = Knowledge(settings.lanes, estimates_of(settings), ledger, metrics, context.log, lambda: 1)
    watch = await bus.watch(topology.LANE_BUCKET, knowledge.lane_changed)
    await watch.unsubscribe()
    controls = Controls(bus, ledger, metrics, context.log)
    tenants = Tenants(context.log)
    return Classifier(
        context, knowledge, tenants, ledger, controls, metrics, Asking(context.bus, context.log), Patience(), lambda: 1
    ), controls


@asynccontextmanager
async def serving(
    bus: Bus, settings: ClassifierSettings | None = None, idle: bool = True
) -> AsyncIterator[Context[ClassifierSettings]]:
    """Runs a classifier; leaving drains it. `idle`: there is a worker with room for anything."""
    context = context_on(bus, settings=settings)
    task = asyncio.create_task(serve(context))
    try:
        await until(lambda: context.readiness.ready)
        await dispatched(bus, idle)
        yield context
    finally:
        context.stopping.set()
        await asyncio.wait_for(task, 10)


@pytest.fixture
def running(bus: Bus) -> Running:
    """`async with running() as context:` runs a classifier; leaving drains it."""
    return lambda: serving(bus)
