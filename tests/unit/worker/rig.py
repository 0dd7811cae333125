"""A worker on the bus in memory, with a test at both ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry

from tests.support.engines import ScriptedEngine
from tests.support.waiting import until
from tokenlane.v1.recovery_pb2 import Attach, Progress
from tokenlane.v1.reply_pb2 import Frame
from tokenlane.v1.request_pb2 import Classification, Endpoint, Facts, Request
from tokenlane_chassis.bus import Message
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.tracing import Tracing
from tokenlane_proto import codec, subjects, topology
from tokenlane_worker.credit import Capacity
from tokenlane_worker.metrics import WorkerMetrics
from tokenlane_worker.station import Station
from tokenlane_worker.tracing import JobTracing
from tokenlane_worker.worker import Worker

CONSUMER = topology.lane_consumer("short", "short", "m")
STREAM = Facts(model="m", stream=True)


class Rig:
    """`frames` hears all reply inboxes of the tenant "acme". More workers of the lane come by `worker_on`."""

    def __init__(self, **changes: object) -> None:
        self.bus = FakeBus()
        self.engine = ScriptedEngine()
        self.frames: asyncio.Queue[Message] = asyncio.Queue()
        self.registry = CollectorRegistry()
        self.changes = changes
        self.worker = self.worker_on(self.engine, "short-a")

    def worker_on(self, engine: ScriptedEngine, worker_id: str) -> Worker:
        """A worker with an engine of its own, on the same bus."""
        registry = self.registry if worker_id == "short-a" else CollectorRegistry()
        values: dict[str, object] = {
            "bus": self.bus,
            "engine": engine,
            "lanes": ("short",),
            "model": "m",
            "elastic": False,
            "worker_id": worker_id,
            "simulated": False,
            "capacity": Capacity(tokens=1000, sequences=8, largest=500),
            "ack_wait_s": CONSUMER.ack_wait_s,
            "max_attempts": 3,
            "max_run_s": 3600,
            "stats": lambda: None,
            "metrics": WorkerMetrics(registry, "short", "m"),
            "tracing": JobTracing(Tracing("test", None)),
            "log": structlog.get_logger(),
        }
        return Worker(Station(**(values | self.changes)))  # type: ignore[arg-type]

    async def start(self) -> None:
        await self.bus.subscribe("replies.acme.>", self.frames.put_nowait)
        await self.worker.start()

    async def send(self, request_id: str, tokens: int = 100, **fields: object) -> None:
        values: dict[str, object] = {
            "request_id": request_id,
            "endpoint": Endpoint.ENDPOINT_CHAT_COMPLETIONS,
            "reply_inbox": f"door.{request_id}",
            "accepted_unix_ms": unix_ms(),
            "facts": Facts(model="m"),
            "body": request_id.encode(),
            "classification": Classification(
                lane="short", prompt_tokens=tokens - 10, output_tokens=10, category="latin"
            ),
        }
        request = Request(**(values | fields))  # type: ignore[arg-type]
        await self.bus.publish_durable(
            subjects.lane("short", "short", "m", "acme", tokens), request.SerializeToString()
        )

    async def frame(self) -> Frame:
        return codec.decode_frame((await asyncio.wait_for(self.frames.get(), 5)).data)

    async def settled(self, count: int) -> list[str]:
        """How the first `count` deliveries were settled, once they were."""
        await until(lambda: sum(bool(delivery.settled) for delivery in self.bus.deliveries) >= count, 5)
        return [delivery.settled for delivery in self.bus.deliveries]

    async def calls(self, count: int) -> None:
        await until(lambda: len(self.engine.calls) >= count, 5)

    async def attach(self, attach: Attach) -> None:
        self.bus.post(subjects.attach("acme"), attach.SerializeToString())
        await self.bus.flush()

    def redeliver(self) -> None:
        """The claim on the only message in the lane ran out at the broker."""
        (stored,) = self.bus.stored[topology.LANES]
        self.bus.release(stored)

    def progress(self, request_id: str = "r1") -> list[Progress]:
        return [codec.decode_progress(message.data) for message in self.stored(topology.PROGRESS, request_id)]

    def result(self, request_id: str = "r1") -> Message:
        (stored,) = self.stored(topology.RESULTS, request_id)
        return stored

    def stored(self, stream: str, request_id: str = "r1") -> list[Message]:
        entries = [entry.message for entry in self.bus.stored.get(stream, ())]
        return [message for message in entries if message.subject.endswith(f".acme.{request_id}")]

    def metric(self, outcome: str) -> float:
        labels = {"lane": "short", "model": "m", "outcome": outcome}
        return self.registry.get_sample_value("tokenlane_worker_attempts_total", labels) or 0.0


@asynccontextmanager
async def running(**changes: object) -> AsyncIterator[Rig]:
    """A rig whose worker pulls; `changes` are fields of its station."""
    rig = Rig(**changes)
    await rig.start()
    yield rig
    rig.bus.connected = rig.bus.available = True
    rig.engine.finish.set()
    await rig.worker.drain(1)
