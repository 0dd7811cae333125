"""Requests through classifier processes on a real broker, each answered at once by a usage event.

The requests wait in their stream before the first process starts: what is measured is a backlog, from the first
request that reaches its lane to the last. This process stands for all workers.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import psutil
import structlog

from bench.classifier.answers import answered
from bench.classifier.requests import MODEL, envelope
from tests.support.nats_server import NatsServer
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis.bus import Message
from tokenlane_chassis.connection import connect
from tokenlane_chassis.nats_bus import NatsBus
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto import topology

_BODY_BYTES = 1_500
_AT_ONCE = 256
_QUIET_S = 20.0


class Run(NamedTuple):
    """Requests a second, and microseconds of processor time a request, of all classifiers, once they run."""

    rate: float
    classifier_us: float


class Workers:
    """Answers each request that reaches a lane."""

    def __init__(self, bus: NatsBus, wanted: int) -> None:
        self._bus = bus
        self._wanted = wanted
        self._dice = random.Random(3)
        self.times: list[float] = []
        self.begun = asyncio.Event()
        self.done = asyncio.Event()

    def receive(self, message: Message) -> None:
        """A request reached its lane."""
        self.times.append(time.perf_counter())
        request = Request.FromString(message.data)
        event = answered(request, request.classification, self._dice)
        tenant = message.subject.split(".")[-2]
        self._bus.post(f"usage.{tenant}", event.SerializeToString())
        if len(self.times) == self._wanted // 10:
            self.begun.set()
        if len(self.times) >= self._wanted:
            self.done.set()

    @property
    def rate(self) -> float:
        """Requests a second, first and last tenth left out: processes start and end."""
        cut = len(self.times) // 10
        return (len(self.times) - 2 * cut - 1) / (self.times[-cut - 1] - self.times[cut])


async def measure(requests: int, replicas: int, interval_s: float) -> Run:
    """One run on a broker of its own. `interval_s`: how often estimates are shared."""
    with NatsServer() as server:
        bus = await connect(ServiceSettings(nats_url=server.url), "bench", structlog.get_logger(), lambda: None)
        for lane, length in (("short", 8_192), ("long", 131_072)):
            profile = LaneProfile(lane=lane, model=MODEL, max_model_len=length)
            await bus.put(topology.LANE_BUCKET, topology.lane_key(lane, MODEL), profile.SerializeToString())
        await _fill(bus, requests)
        workers = Workers(bus, requests)
        await bus.subscribe("lanes.>", workers.receive)
        async with _classifiers(server.url, replicas, interval_s) as processes:
            await asyncio.wait_for(workers.begun.wait(), _QUIET_S + requests / 500)
            before, begun = _cpu_s(processes), len(workers.times)
            await asyncio.wait_for(workers.done.wait(), _QUIET_S + requests / 500)
            spent = _cpu_s(processes) - before
        await bus.close()
    return Run(workers.rate, spent / (requests - begun) * 1e6)


def _cpu_s(processes: Sequence[asyncio.subprocess.Process]) -> float:
    return sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in processes)


async def _fill(bus: NatsBus, requests: int) -> None:
    dice = random.Random(2)
    numbers = iter(range(requests))

    async def one() -> None:
        for number in numbers:
            tenant, encoded = envelope(number, dice.randrange(_BODY_BYTES // 2, _BODY_BYTES * 3 // 2), dice)
            await bus.publish_durable(f"requests.{tenant}", encoded)

    await asyncio.gather(*(one() for _ in range(_AT_ONCE)))


@contextlib.asynccontextmanager
async def _classifiers(
    url: str, replicas: int, interval_s: float
) -> AsyncIterator[Sequence[asyncio.subprocess.Process]]:
    environment = os.environ | {
        "TOKENLANE_NATS_URL": url,
        "TOKENLANE_METRICS_HOST": "127.0.0.1",
        "TOKENLANE_METRICS_PORT": "0",
        "TOKENLANE_LOG_LEVEL": "error",
        "TOKENLANE_ESTIMATES_INTERVAL_S": str(interval_s),
    }
    command = (sys.executable, "-m", "tokenlane_classifier")
    processes = [await asyncio.create_subprocess_exec(*command, env=environment) for _ in range(replicas)]
    try:
        yield processes
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            await process.wait()
