"""Boundaries as they are kept in their bucket, and back. Pure."""

from tokenlane.v1.lane_pb2 import Boundaries
from tokenlane.v1.lane_pb2 import LaneUpper as Upper
from tokenlane_fleet.boundary import LaneUpper, Uppers
from tokenlane_proto.lane_setting import lanes_in


def written(uppers: Uppers, reason: str, decided_unix_ms: int) -> Boundaries:
    """As a message."""
    lanes = [Upper(lane=lane.lane, upper_tokens=lane.upper or 0) for lane in uppers]
    return Boundaries(lanes=lanes, reason=reason, decided_unix_ms=decided_unix_ms)


def read(message: Boundaries) -> Uppers:
    """From a message. Raises ValueError where it names no lane or its boundaries do not rise."""
    return tuple(LaneUpper(*lane) for lane in lanes_in(message))
