"""How soon a free place in an engine is filled: from the publishing of a budgeted request to the engine's call, and
from the end of a request to the call of the next one that waits. A real bus and a real worker; the engine answers when
it is told to."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from tests.support.engines import CHAT, ScriptedEngine
from tests.support.nats_server import NatsServer
from tests.unit.worker.lanes import House
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_worker.credit import Capacity
from tokenlane_worker.engine.protocol import Sink

_CONTEXT = 2_000
_PLACES = 8
# Between two requests, so that the worker rests meanwhile.
_PAUSE_S = 0.005


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


async def fill(count: int) -> tuple[list[float], list[float]]:
    """Seconds from publishing to the call while places are free, and from an end to the next call while requests wait:
    `count` of each."""
    with NatsServer() as server:
        bus = await connect(BusOptions(nats_url=server.url), "bench", structlog.get_logger(), lambda: None)
        house, engine = House(bus), TimedEngine()
        await house.lane("short", _CONTEXT)
        capacity = Capacity(_PLACES * _CONTEXT, _PLACES, _CONTEXT)
        await house.worker("short", largest=_CONTEXT, engine=engine, capacity=capacity)
        arriving = [await _arrive(house, engine, f"a{number}") for number in range(count)]
        freed = await _free(house, engine, count)
        await house.close()
        await bus.close()
    return arriving, freed


async def _arrive(house: House, engine: TimedEngine, name: str) -> float:
    published = time.perf_counter()
    await house.send(name, "short", "short")
    called = await engine.called.get()
    await engine.end_one()
    await asyncio.sleep(_PAUSE_S)
    return called - published


async def _free(house: House, engine: TimedEngine, count: int) -> list[float]:
    for number in range(_PLACES + count):
        await house.send(f"b{number}", "short", "short")
    for _ in range(_PLACES):
        await engine.called.get()
    found = []
    for _ in range(count):
        ended = await engine.end_one()
        found.append(await engine.called.get() - ended)
        await asyncio.sleep(_PAUSE_S)
    for _ in range(_PLACES):
        await engine.end_one()
    return found


def p50_p99(values: Sequence[float]) -> tuple[float, float]:
    """The median, and the value that 99 % do not exceed."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
