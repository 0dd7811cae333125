"""A short and a long lane on the bus in memory, each with a worker and a simulated engine, and a reader of answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from tests.unit.worker.simulated import CHAT, COMPLETIONS, MODEL, Recorder
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.reply_pb2 import Frame, UsageEvent
from tokenlane.v1.request_pb2 import Classification, Request
from tokenlane_chassis.bus import Message, Stored
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusError
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.tracing import Tracing
from tokenlane_proto import codec, events, openai_body, subjects, topology
from tokenlane_worker.credit import Capacity
from tokenlane_worker.engine.protocol import Engine
from tokenlane_worker.engine.simulated import SimulatedEngine, SimulatedEngineConfig
from tokenlane_worker.job import Job
from tokenlane_worker.metrics import WorkerMetrics
from tokenlane_worker.station import Station
from tokenlane_worker.tracing import JobTracing
from tokenlane_worker.worker import Worker

CONTEXTS = {"short": 64, "long": 4096}


def simulated(context: int, **more: Any) -> SimulatedEngine:
    return SimulatedEngine(SimulatedEngineConfig(MODEL, max_model_len=context, **more))


def body(**fields: Any) -> bytes:
    """A chat, or a completion where there is a `prompt`."""
    asked = {} if "prompt" in fields else {"messages": [{"role": "user", "content": "tell me"}]}
    return json.dumps({"model": MODEL, **asked, **fields}).encode()


async def all_alone(asked: Sequence[bytes], context: int = CONTEXTS["long"]) -> list[bytes]:
    """What an engine answers that is asked directly."""
    engine, heard = simulated(context, max_num_seqs=256), [Recorder() for _ in asked]
    await engine.start()
    paths = [CHAT if b'"messages"' in each else COMPLETIONS for each in asked]
    await asyncio.gather(
        *(engine.generate(path, each, sink, "x") for path, each, sink in zip(paths, asked, heard, strict=True))
    )
    await engine.stop()
    return [sink.body for sink in heard]


async def alone(asked: bytes, context: int = CONTEXTS["long"]) -> bytes:
    """What an engine answers that is asked directly, and nothing else."""
    return (await all_alone([asked], context))[0]


class TwoLanes:
    """`heard` are the frames of each request. `contexts` are those of the lanes; `changes` fields of their stations."""

    def __init__(self, contexts: dict[str, int], **changes: object) -> None:
        self.bus = FakeBus()
        self.contexts = contexts
        self.changes = changes
        self.registries = {lane: CollectorRegistry() for lane in contexts}
        self.engines: list[SimulatedEngine] = []
        self.heard: dict[str, list[Frame]] = {}
        self.workers: dict[str, Worker] = {}
        self.over: set[str] = set()

    async def start(self, lanes: Iterable[str]) -> None:
        await self.bus.subscribe("replies.acme.>", self._hear)
        for lane, context in self.contexts.items():
            profile = LaneProfile(lane=lane, model=MODEL, max_model_len=context)
            await self.bus.put(topology.LANE_BUCKET, topology.lane_key(lane, MODEL), profile.SerializeToString())
        for lane in lanes:
            await self.add(lane)

    async def add(self, lane: str, engine: Engine | None = None) -> Worker:
        """One more worker, with an engine of its own."""
        context = self.contexts[lane]
        if engine is None:
            engine = simulated(context)
            await engine.start()
            self.engines.append(engine)
        first = lane not in self.workers
        registry = self.registries[lane] if first else CollectorRegistry()
        values: dict[str, object] = {
            "bus": self.bus,
            "engine": engine,
            "worker_id": f"{lane}-{len(self.engines)}",
            "simulated": True,
            "capacity": Capacity(tokens=1_000_000, sequences=256, largest=context),
            "lanes": (lane,),
            "model": MODEL,
            "elastic": False,
            "ack_wait_s": 10,
            "max_attempts": 3,
            "max_run_s": 3600,
            "stats": lambda: None,
            "metrics": WorkerMetrics(registry, lane, MODEL),
            "tracing": JobTracing(Tracing("test", None)),
            "log": structlog.get_logger(),
        }
        worker = self.workers[lane] = Worker(Station(**(values | self.changes)))  # type: ignore[arg-type]
        await worker.start()
        return worker

    async def send(self, request_id: str, asked: bytes, output_tokens: int = 8, **fields: object) -> None:
        """Ask, in the short lane, whatever it will take."""
        endpoint, facts = openai_body.read_facts(asked)
        given = Classification(lane="short", fits="short", prompt_tokens=len(asked) // 6, output_tokens=output_tokens)
        values: dict[str, object] = {
            "request_id": request_id,
            "endpoint": endpoint,
            "reply_inbox": f"door.{request_id}",
            "accepted_unix_ms": unix_ms(),
            "facts": facts,
            "body": asked,
            "classification": given,
        }
        request = Request(**(values | fields))  # type: ignore[arg-type]
        subject = subjects.lane("short", "short", MODEL, "acme", 20)
        await self.bus.publish_durable(subject, request.SerializeToString())

    async def ended(self, count: int) -> None:
        """Return when so many results are stored and shown."""
        await until(lambda: len(self.over) >= count, 30)

    async def moved(self, count: int) -> list[Request]:
        """The requests that wait in other lanes than the short one, once they are so many."""

        def waiting() -> list[Request]:
            entries = self.bus.stored.get(topology.LANES, ())
            messages = [entry.message for entry in entries if not entry.message.subject.startswith("lanes.short.")]
            return [codec.decode_request(message.data) for message in messages]

        await until(lambda: len(waiting()) >= count, 5)
        return sorted(waiting(), key=lambda request: request.request_id)

    def refuse_lane(self, lane: str) -> None:
        """Have no room for more in a lane."""
        publish = self.bus.publish_durable

        async def refuse(subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> Stored:
            if subject.startswith(f"lanes.{lane}."):
                raise BusError("no room")
            return await publish(subject, payload, headers)

        self.bus.publish_durable = refuse  # type: ignore[method-assign]

    def shown(self, request_id: str) -> bytes:
        """What the reader of a stream has been shown; asserts that nothing is missing, doubled or late."""
        frames, data, attempt = self.heard[request_id], b"", 0
        for frame in frames:
            assert frame.attempt >= attempt
            assert frame.first_event == events.count(data)
            assert not frame.HasField("terminal") or frame is frames[-1]
            attempt, data = frame.attempt, data + frame.data
        return data

    def results(self) -> dict[str, Message]:
        """The stored result of each request."""
        entries = [entry.message for entry in self.bus.stored[topology.RESULTS]]
        found = {message.subject.rsplit(".", 1)[1]: message for message in entries}
        assert len(found) == len(entries)
        return found

    def usages(self) -> dict[str, UsageEvent]:
        """What was told of each request; once."""
        told = [codec.decode_usage(message.data) for message in self.bus.posted if message.subject == "usage.acme"]
        found = {event.request_id: event for event in told}
        assert len(found) == len(told)
        return found

    def on_grow(self, lane: str, told: Callable[[int], None]) -> None:
        """Be told how many tokens the worker of a lane counts for its jobs, whenever a job grows."""
        worker = self.workers[lane]
        grow = worker._attempts._answering._grow

        def growing(job: Job, tokens: int) -> None:
            grow(job, tokens)
            told(int(self.committed(lane)))

        worker._attempts._answering._grow = growing

    def committed(self, lane: str) -> float:
        """KV tokens that the jobs of a lane's first worker are counted for."""
        labels = {"lane": lane, "model": MODEL, "state": "committed"}
        return self.registries[lane].get_sample_value("tokenlane_worker_kv_tokens", labels) or 0.0

    def attempts(self, lane: str, outcome: str) -> float:
        labels = {"lane": lane, "model": MODEL, "outcome": outcome}
        return self.registries[lane].get_sample_value("tokenlane_worker_attempts_total", labels) or 0.0

    def idle(self) -> bool:
        """Nothing is with a worker."""
        return not any(list(worker._jobs) for worker in self.workers.values())

    def left(self) -> int:
        """Messages that are in a lane, or kept of a request's progress."""
        return sum(len(self.bus.stored.get(stream, ())) for stream in (topology.LANES, topology.PROGRESS))

    def _hear(self, message: Message) -> None:
        frame, request_id = codec.decode_frame(message.data), message.subject.rsplit(".", 1)[1]
        self.heard.setdefault(request_id, []).append(frame)
        if frame.HasField("terminal"):
            self.over.add(request_id)


@asynccontextmanager
async def two_lanes(
    contexts: dict[str, int] | None = None, lanes: Iterable[str] | None = None, **changes: object
) -> AsyncIterator[TwoLanes]:
    """The lanes of `contexts`, with a worker in each, or in each of `lanes`."""
    running = TwoLanes(contexts or CONTEXTS, **changes)
    await running.start(running.contexts if lanes is None else lanes)
    yield running
    for worker in running.workers.values():
        await worker.drain(1)
    for engine in running.engines:
        await engine.stop()
