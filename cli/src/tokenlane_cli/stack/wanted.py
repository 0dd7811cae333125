"""What the stack says to the bus and learns from it: how many workers a lane should have, what its engines hold."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import structlog

from tokenlane.v1.lane_pb2 import DesiredReplicas, LaneProfile
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.connection import connect
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_cli.stack.options import StackOptions
from tokenlane_proto import codec, topology
from tokenlane_proto.errors import MalformedMessageError

_PROFILE_WAIT_S = 10.0


@contextlib.asynccontextmanager
async def open_bus(nats_url: str, log_file: Path) -> AsyncIterator[Bus]:
    """The bus, with its streams in place. What the connection has to say goes to the log file."""
    with log_file.open("a", buffering=1) as file:
        log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
            structlog.WriteLogger(file),
            processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer()],
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        bus = await connect(ServiceSettings(nats_url=nats_url), "up", log, lambda: None)
        try:
            yield bus
        finally:
            await bus.close()


async def say_initial(bus: Bus, options: StackOptions, unix_ms: int) -> None:
    """Replace what an earlier run wanted by the workers that this one starts with."""
    for lane in options.lanes:
        key = topology.lane_key(lane.name, options.served_model)
        desired = DesiredReplicas(
            replicas=lane.workers, reason="the local stack starts with them", decided_unix_ms=unix_ms
        )
        await bus.put(topology.SCALE_BUCKET, key, desired.SerializeToString())


async def forget_other_models(bus: Bus, options: StackOptions) -> None:
    """Lane profiles outlive their workers; those of a model that an earlier run served here would still be offered."""
    known: set[str] = set()
    watch = await bus.watch(topology.LANE_BUCKET, lambda key, value: known.add(key) if value is not None else None)
    await watch.unsubscribe()
    for key in known - {topology.lane_key(lane.name, options.served_model) for lane in options.lanes}:
        await bus.delete(topology.LANE_BUCKET, key)


@contextlib.asynccontextmanager
async def follow_scaling(
    bus: Bus, options: StackOptions, set_desired: Callable[[str, int], None]
) -> AsyncIterator[None]:
    """Call `set_desired` with a lane and its number of workers at each change, as long as the context is open."""
    lane_of = {topology.lane_key(lane.name, options.served_model): lane.name for lane in options.staffed}

    def receive(key: str, value: bytes | None) -> None:
        if value is None or key not in lane_of:
            return
        with contextlib.suppress(MalformedMessageError):
            wanted = codec.decode_desired_replicas(value).replicas
            set_desired(lane_of[key], min(wanted, options.max_replicas))

    watch = await bus.watch(topology.SCALE_BUCKET, receive)
    try:
        yield
    finally:
        await watch.unsubscribe()


async def lane_profile(bus: Bus, lane: str, model: str) -> LaneProfile:
    """What the lane's engines hold. A worker says it before it is ready; empty if it never did."""
    deadline = asyncio.get_running_loop().time() + _PROFILE_WAIT_S
    while asyncio.get_running_loop().time() < deadline:
        value = await bus.get(topology.LANE_BUCKET, topology.lane_key(lane, model))
        if value is not None:
            return codec.decode_lane_profile(value)
        await asyncio.sleep(0.1)
    return LaneProfile()
