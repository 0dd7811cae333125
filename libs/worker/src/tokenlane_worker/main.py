"""The composition root of a worker; each lane's service calls it with its lane."""

import asyncio
import contextlib
import secrets

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import ChassisError, StartError
from tokenlane_chassis.service import Context, run
from tokenlane_chassis.settings import load
from tokenlane_proto import topology
from tokenlane_worker.credit import Capacity
from tokenlane_worker.engine.errors import EngineError, EngineStartError
from tokenlane_worker.engine.protocol import Engine, EngineInfo
from tokenlane_worker.engine_watch import watch_engine
from tokenlane_worker.engines import make_engine
from tokenlane_worker.lane import Lane
from tokenlane_worker.metrics import EngineCollector, WorkerMetrics
from tokenlane_worker.reserve import beside_of
from tokenlane_worker.settings import WorkerSettings
from tokenlane_worker.station import Station
from tokenlane_worker.tracing import JobTracing
from tokenlane_worker.worker import Worker

# Steps' work of prompts that an engine has before it, so that it never waits for more. In a simulation of a fleet
# (`python -m bench.fleet.elastic`) two to four steps were best; the answer of a prompt takes a step's time to show.
_STEPS_AHEAD = 4


class EngineDiedError(ChassisError):
    """The engine is gone for good; so is this worker, for a supervisor to start anew."""


def run_worker(lane: Lane) -> int:
    """Run a worker of `lane` until it is told to stop; returns the exit code."""
    settings = load(WorkerSettings)

    async def main(context: Context[WorkerSettings]) -> None:
        await _main(lane, context)

    return run(f"worker-{lane.name}", settings, main)


async def _main(lane: Lane, context: Context[WorkerSettings]) -> None:
    try:
        engine = make_engine(context.settings, lane)
    except EngineStartError as error:
        raise StartError(str(error)) from None
    try:
        info = await _started(engine, context)
        if info is not None:
            await _serve(lane, info, engine, context)
    finally:
        await engine.stop()


async def _started(engine: Engine, context: Context[WorkerSettings]) -> EngineInfo | None:
    """The engine's facts, or None when the process was told to stop meanwhile."""
    starting = asyncio.create_task(engine.start())
    stopping = asyncio.create_task(context.stopping.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, EngineError):
            await starting
        return None
    try:
        return starting.result()
    except EngineStartError as error:
        raise StartError(str(error)) from None


async def _serve(lane: Lane, info: EngineInfo, engine: Engine, context: Context[WorkerSettings]) -> None:
    settings, bus, log = context.settings, context.bus, context.log
    lanes = settings.lanes(lane.name)
    collector = EngineCollector(lanes[0], info.model)
    context.registry.register(collector)
    station = _station(lane, lanes, info, engine, collector, context)
    worker = Worker(station)
    await worker.start()
    await _announce(bus, station, info)
    heartbeat = asyncio.create_task(worker.heartbeat(), name="heartbeat")
    watch = watch_engine(engine, collector, settings.stats_interval_s, settings.engine_stall_s)
    deaths = {
        asyncio.create_task(engine.wait_dead(), name="engine-death"),
        asyncio.create_task(watch, name="engine-watch"),
    }
    stopping = asyncio.create_task(context.stopping.wait())
    context.readiness.ready = True
    capacity = station.capacity
    log.info("pulling", lanes=lanes, model=info.model, kv_tokens=capacity.tokens, sequences=capacity.sequences)
    await asyncio.wait({*deaths, stopping}, return_when=asyncio.FIRST_COMPLETED)
    context.readiness.ready = False
    reason = next((death.result() for death in deaths if death.done()), "")
    await worker.drain(0 if reason else settings.drain_grace_s, reason)
    for task in (heartbeat, stopping, *deaths):
        task.cancel()
    if reason:
        raise EngineDiedError(reason)


def _station(
    lane: Lane,
    lanes: tuple[str, ...],
    info: EngineInfo,
    engine: Engine,
    collector: EngineCollector,
    context: Context[WorkerSettings],
) -> Station:
    settings = context.settings
    return Station(
        bus=context.bus,
        engine=engine,
        lanes=lanes,
        model=info.model,
        elastic=settings.isolation == "elastic",
        worker_id=f"{lanes[0]}-{secrets.token_hex(6)}",
        simulated=info.simulated,
        capacity=Capacity(int(info.kv_capacity_tokens * settings.kv_overcommit), info.max_num_seqs, info.max_model_len),
        ack_wait_s=topology.lane_consumer(lanes[0], lanes[0], info.model).ack_wait_s,
        max_attempts=settings.max_attempts,
        max_run_s=settings.max_run_s,
        overrun_tokens=settings.overrun_tokens,
        prefill_cap=_prefill_cap(settings, info, lane),
        batch_beside=beside_of(info.max_num_seqs) if settings.batch_sequences is None else settings.batch_sequences,
        metrics=WorkerMetrics(context.registry, lanes[0], info.model),
        stats=lambda: collector.stats,
        tracing=JobTracing(context.tracing),
        log=context.log,
    )


def _prefill_cap(settings: WorkerSettings, info: EngineInfo, lane: Lane) -> int:
    if settings.prefill_cap_tokens is not None:
        return settings.prefill_cap_tokens
    return _STEPS_AHEAD * (info.max_num_batched_tokens or lane.max_num_batched_tokens)


async def _announce(bus: Bus, station: Station, info: EngineInfo) -> None:
    for lane in station.lanes:
        profile = LaneProfile(
            lane=lane,
            model=info.model,
            max_model_len=info.max_model_len,
            kv_capacity_tokens=info.kv_capacity_tokens,
            max_num_seqs=info.max_num_seqs,
            simulated=info.simulated,
            elastic=station.elastic,
            max_num_batched_tokens=info.max_num_batched_tokens,
        )
        await bus.put(topology.LANE_BUCKET, topology.lane_key(lane, info.model), profile.SerializeToString())
