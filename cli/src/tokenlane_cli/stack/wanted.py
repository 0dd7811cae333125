"""What the stack learns from the bus: how many workers a lane should have, and what its engines hold."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import structlog

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane_chassis.connection import connect
from tokenlane_chassis.nats_bus import NatsBus
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_cli.stack.decide import wanted_replicas
from tokenlane_cli.stack.options import StackOptions
from tokenlane_proto import codec, topology
from tokenlane_proto.errors import MalformedMessageError

_PROFILE_WAIT_S = 10.0


async def connect_bus(nats_url: str, log_file: Path) -> NatsBus:
    """The bus, with its streams in place. What the connection has to say goes to the log file."""
    log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(log_file.open("a", buffering=1)),
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer()],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return await connect(ServiceSettings(nats_url=nats_url), "up", log, lambda: None)


@contextlib.asynccontextmanager
async def follow_scaling(
    bus: NatsBus, options: StackOptions, began_unix_ms: int, set_desired: Callable[[str, int], None]
) -> AsyncIterator[None]:
    """Call `set_desired` with a lane and its number of workers at each change, as long as the context is open."""
    lane_of = {topology.lane_key(lane.name, options.served_model): lane.name for lane in options.lanes}

    def receive(key: str, value: bytes | None) -> None:
        if value is None or key not in lane_of:
            return
        try:
            desired = codec.decode_desired_replicas(value)
        except MalformedMessageError:
            return
        wanted = wanted_replicas(desired, began_unix_ms, options.max_replicas)
        if wanted is not None:
            set_desired(lane_of[key], wanted)

    watch = await bus.watch(topology.SCALE_BUCKET, receive)
    try:
        yield
    finally:
        await watch.unsubscribe()


async def lane_profile(bus: NatsBus, lane: str, model: str) -> LaneProfile:
    """What the lane's engines hold. A worker says it before it is ready; empty if it never did."""
    deadline = asyncio.get_running_loop().time() + _PROFILE_WAIT_S
    while asyncio.get_running_loop().time() < deadline:
        value = await bus.get(topology.LANE_BUCKET, topology.lane_key(lane, model))
        if value is not None:
            return codec.decode_lane_profile(value)
        await asyncio.sleep(0.1)
    return LaneProfile()
