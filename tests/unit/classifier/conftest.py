"""A classifier on either bus."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.service import Context
from tokenlane_chassis.tracing import Tracing
from tokenlane_classifier.service import serve
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_proto import topology

MODEL = "m/x.y"
Running = Callable[[], AbstractAsyncContextManager[Context[ClassifierSettings]]]


async def register_lanes(bus: Bus) -> None:
    for lane, length in (("short", 8_192), ("long", 32_768)):
        profile = LaneProfile(lane=lane, model=MODEL, max_model_len=length)
        await bus.put(topology.LANE_BUCKET, topology.lane_key(lane, MODEL), profile.SerializeToString())


@pytest.fixture
async def bus(bus: Bus) -> Bus:
    """A bus that knows the lanes."""
    await register_lanes(bus)
    return bus


def context_on(bus: Bus, tracing: Tracing | None = None) -> Context[ClassifierSettings]:
    return Context(
        ClassifierSettings(),
        bus,
        structlog.get_logger(),
        CollectorRegistry(),
        tracing or Tracing("classifier", None),
        asyncio.Event(),
    )


@pytest.fixture
def running(bus: Bus) -> Running:
    """`async with running() as context:` runs a classifier; leaving drains it."""

    @asynccontextmanager
    async def run() -> AsyncIterator[Context[ClassifierSettings]]:
        context = context_on(bus)
        task = asyncio.create_task(serve(context))
        await until(lambda: context.readiness.ready)
        yield context
        context.stopping.set()
        await asyncio.wait_for(task, 10)

    return run
