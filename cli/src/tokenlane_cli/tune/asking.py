"""What the bus says of a model's lanes."""

from collections.abc import Callable
from typing import TypeVar

from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import BusError
from tokenlane_cli.tune.present import Known
from tokenlane_proto import codec, topology
from tokenlane_proto.errors import MalformedMessageError

M = TypeVar("M")


async def ask_bus(bus: Bus, model: str, lanes: list[str]) -> Known:
    """Profiles and boundaries of `model`. What is not there, or not readable, is not known."""
    boundaries = await _value(bus, topology.BOUNDARY_BUCKET, topology.model_key(model))
    decided = _decoded(codec.decode_boundaries, boundaries)
    names = dict.fromkeys([*lanes, *(lane.lane for lane in decided.lanes)] if decided else lanes)
    profiles = {}
    for name in names:
        found = await _value(bus, topology.LANE_BUCKET, topology.lane_key(name, model))
        if (profile := _decoded(codec.decode_lane_profile, found)) is not None:
            profiles[name] = profile
    return Known(profiles, decided)


async def _value(bus: Bus, bucket: str, key: str) -> bytes | None:
    try:
        return await bus.get(bucket, key)
    except BusError:
        return None


def _decoded(decode: Callable[[bytes], M], value: bytes | None) -> M | None:
    try:
        return decode(value) if value else None
    except MalformedMessageError:
        return None
