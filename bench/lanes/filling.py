"""How soon a free place in an engine is filled: from the publishing of a budgeted request to the engine's call, and
from the end of a request to the call of the next one, which waits in the lane or is held by the dispatcher. A real bus,
a real worker and a real dispatcher, in one process; the engine answers when it is told to."""

import asyncio
import gc
import time
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from prometheus_client import CollectorRegistry

from bench.lanes.processor import family, waited_s
from tests.support.engines import CHAT, ScriptedEngine
from tests.support.nats_server import NatsServer
from tests.unit.worker.lanes import House
from tokenlane.v1.request_pb2 import Classification, Endpoint, Facts, Request
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_chassis.tasks import end
from tokenlane_classifier.dispatch.dispatcher import Dispatcher
from tokenlane_classifier.dispatch.metrics import LineMetrics
from tokenlane_classifier.line.limits import TenantLimits
from tokenlane_proto import subjects
from tokenlane_worker.credit import Capacity
from tokenlane_worker.engine.protocol import Sink

_CONTEXT = 2_000
_PLACES = 8
# Between two requests, so that the worker rests meanwhile.
_PAUSE_S = 0.005
_DISTURBED_S = 0.0003


class TimedEngine(ScriptedEngine):
    """`called` and `ended` have the time of each call and of each end, in order. Unit: seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.called: asyncio.Queue[float] = asyncio.Queue()
        self.ended: asyncio.Queue[float] = asyncio.Queue()
        self._ends = asyncio.Semaphore(0)

    async def generate(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
        self.called.put_nowait(time.perf_counter())
        await self._ends.acquire()
        sink.head(200, "application/json")
        sink.data(CHAT)
        self.ended.put_nowait(time.perf_counter())

    async def end_one(self) -> float:
        """Answer the request that came first. Returns when that was."""
        self._ends.release()
        return await self.ended.get()


class Fill(NamedTuple):
    """Seconds until the engine's call, and those for which the threads of this process and of the broker waited for a
    processor meanwhile, all together."""

    seconds: float
    waited_s: float


class Filled(NamedTuple):
    """From publishing while places are free; from an end while requests wait in the lane, or are held by the
    dispatcher."""

    arriving: list[Fill]
    waiting: list[Fill]
    held: list[Fill]


async def fill(count: int) -> Filled:
    """`count` of each."""
    _calm_garbage_collector()
    with NatsServer() as server:
        bus = await connect(BusOptions(nats_url=server.url), "bench", structlog.get_logger(), lambda: None)
        house, engine = House(bus), TimedEngine()
        await house.lane("short", _CONTEXT)
        capacity = Capacity(_PLACES * _CONTEXT, _PLACES, _CONTEXT)
        await house.worker("short", largest=_CONTEXT, engine=engine, capacity=capacity)
        arriving = [await _arrive(house, engine, f"a{number}") for number in range(count)]
        for number in range(_PLACES + count):
            await house.send(f"b{number}", "short", "short")
        waiting = await _free(engine, count)
        for number in range(_PLACES + count):
            await _hold(bus, f"c{number}")
        dispatching = asyncio.create_task(_dispatcher(bus).lead())
        held = await _free(engine, count)
        await end(dispatching)
        await house.close()
        await bus.close()
    return Filled(arriving, waiting, held)


def _calm_garbage_collector() -> None:
    """As it is in every process of tokenlane."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def _dispatcher(bus: Bus) -> Dispatcher:
    limits, metrics = TenantLimits(), LineMetrics(CollectorRegistry())
    return Dispatcher(
        bus, lambda _: limits, 1e4, lambda: ["m"], time.time, lambda: 0.5, metrics, structlog.get_logger()
    )


async def _hold(bus: Bus, name: str) -> None:
    """As a classifier does whom the dispatcher told so."""
    request = Request(
        request_id=name,
        endpoint=Endpoint.ENDPOINT_CHAT_COMPLETIONS,
        accepted_unix_ms=unix_ms() + 1_000,
        facts=Facts(model="m"),
        body=name.encode(),
        classification=Classification(
            lane="short", fits="short", prompt_tokens=90, output_tokens=10, ttft_limit_ms=1_000
        ),
    )
    await bus.publish_durable(subjects.held("short", "short", "m", "acme", 100), request.SerializeToString())


async def _arrive(house: House, engine: TimedEngine, name: str) -> Fill:
    processes = family()
    waited_before, published = waited_s(processes), time.perf_counter()
    await house.send(name, "short", "short")
    called = await engine.called.get()
    found = Fill(called - published, waited_s(processes) - waited_before)
    await engine.end_one()
    await asyncio.sleep(_PAUSE_S)
    return found


async def _free(engine: TimedEngine, count: int) -> list[Fill]:
    """While all places are taken and `count` more requests than that wait."""
    for _ in range(_PLACES):
        await engine.called.get()
    found, processes = [], family()
    for _ in range(count):
        waited_before = waited_s(processes)
        ended = await engine.end_one()
        called = await engine.called.get()
        found.append(Fill(called - ended, waited_s(processes) - waited_before))
        await asyncio.sleep(_PAUSE_S)
    for _ in range(_PLACES):
        await engine.end_one()
    return found


def undisturbed(fills: Sequence[Fill]) -> list[Fill]:
    """Those during which next to nothing waited for a processor."""
    return [each for each in fills if each.waited_s < _DISTURBED_S]


def p50_p99(fills: Sequence[Fill]) -> tuple[float, float]:
    """The median, and what 99 % do not exceed. Unit: seconds."""
    ordered = sorted(each.seconds for each in fills)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
