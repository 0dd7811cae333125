"""Workers of several lanes on one bus, each with an engine whose every answer a test lets go."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry

from tests.support.engines import CHAT, ScriptedEngine
from tests.support.waiting import until
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.request_pb2 import Classification, Endpoint, Facts, Request
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.tracing import Tracing
from tokenlane_proto import subjects, topology
from tokenlane_worker.credit import Capacity
from tokenlane_worker.engine.protocol import Sink
from tokenlane_worker.metrics import WorkerMetrics
from tokenlane_worker.station import Station
from tokenlane_worker.tracing import JobTracing
from tokenlane_worker.worker import Worker

SHORT, LONG = 500, 2000


class GatedEngine(ScriptedEngine):
    """Answers a request when `let_go` names it, or at once when `open`; as a stream with
    `streams`. `running` are the bodies that wait for that."""

    def __init__(self) -> None:
        super().__init__()
        self.open = self.streams = False
        self.running: list[bytes] = []
        self._changed = asyncio.Condition()

    async def generate(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
        self.calls.append(body)
        self.running.append(body)
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self.open or body not in self.running)
        finally:
            if body in self.running:
                self.running.remove(body)
        sink.head(200, "text/event-stream" if self.streams else "application/json")
        sink.data(b"data: 1\n\ndata: [DONE]\n\n" if self.streams else CHAT)

    async def let_go(self, body: bytes | None = None) -> None:
        """Answer one request, or all from now on."""
        self.open = self.open or body is None
        if body is not None:
            self.running.remove(body)
        async with self._changed:
            self._changed.notify_all()


class House:
    """Workers and engines by name. All are let go in the end."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.engines: dict[str, GatedEngine] = {}
        self.workers: dict[str, Worker] = {}

    async def lane(self, lane: str, max_model_len: int) -> None:
        """Register a lane."""
        profile = LaneProfile(lane=lane, model="m", max_model_len=max_model_len)
        await self.bus.put(topology.LANE_BUCKET, topology.lane_key(lane, "m"), profile.SerializeToString())

    async def worker(self, *lanes: str, largest: int, name: str = "", **changes: object) -> GatedEngine:
        """A worker of one or more lanes with an engine of its own."""
        name, engine = name or lanes[0], GatedEngine()
        values: dict[str, object] = {
            "bus": self.bus,
            "engine": engine,
            "lanes": lanes,
            "model": "m",
            "elastic": True,
            "worker_id": f"{name}-1",
            "simulated": False,
            "capacity": Capacity(tokens=4 * largest, sequences=8, largest=largest),
            "ack_wait_s": 10,
            "max_attempts": 3,
            "max_run_s": 3600,
            "stats": lambda: None,
            "metrics": WorkerMetrics(CollectorRegistry(), lanes[0], "m"),
            "tracing": JobTracing(Tracing("test", None)),
            "log": structlog.get_logger(),
        }
        worker = Worker(Station(**(values | changes)))  # type: ignore[arg-type]
        await worker.start()
        self.workers[name], self.engines[name] = worker, engine
        return engine

    async def send(
        self, request_id: str, lane: str, fits: str, tokens: int = 100, body: bytes = b"", stream: bool = False
    ) -> None:
        request = Request(
            request_id=request_id,
            endpoint=Endpoint.ENDPOINT_CHAT_COMPLETIONS,
            reply_inbox=f"door.{request_id}",
            accepted_unix_ms=unix_ms() + 1000,
            facts=Facts(model="m", stream=stream),
            body=body or request_id.encode(),
            classification=Classification(lane=lane, fits=fits, prompt_tokens=tokens - 10, output_tokens=10),
        )
        await self.bus.publish_durable(subjects.lane(lane, fits, "m", "acme", tokens), request.SerializeToString())

    async def waiting(self) -> list[str]:
        """Ids of the requests that nobody has finished."""
        stored = await self.bus.messages(topology.LANES, "lanes.>")
        return [Request.FromString(message.data).request_id for message in stored]

    async def calls(self, name: str, count: int) -> list[str]:
        """The first `count` requests that an engine got, once it has."""
        engine = self.engines[name]
        await until(lambda: len(engine.calls) >= count, 5, 0.001)
        return [call.decode() for call in engine.calls]

    async def close(self) -> None:
        for engine in self.engines.values():
            await engine.let_go()
        for worker in self.workers.values():
            await worker.drain(1)
