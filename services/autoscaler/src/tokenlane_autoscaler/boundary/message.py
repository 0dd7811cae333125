"""Boundaries as they are kept in their bucket, and back. Pure."""

from itertools import pairwise

from tokenlane.v1.lane_pb2 import Boundaries
from tokenlane.v1.lane_pb2 import LaneUpper as Upper
from tokenlane_fleet.boundary import LaneUpper, Uppers


def written(uppers: Uppers, reason: str, decided_unix_ms: int) -> Boundaries:
    """As a message."""
    lanes = [Upper(lane=lane.lane, upper_tokens=lane.upper or 0) for lane in uppers]
    return Boundaries(lanes=lanes, reason=reason, decided_unix_ms=decided_unix_ms)


def read(message: Boundaries) -> Uppers:
    """From a message. Raises ValueError where it names no lane or its boundaries do not rise."""
    uppers = tuple(LaneUpper(lane.lane, lane.upper_tokens or None) for lane in message.lanes)
    if not uppers:
        raise ValueError("no lane is in use")
    if len({lane.lane for lane in uppers}) < len(uppers):
        raise ValueError("a lane is named twice")
    if any(low is None or (high is not None and low >= high) for (_, low), (_, high) in pairwise(uppers)):
        raise ValueError("boundaries must rise")
    return uppers
