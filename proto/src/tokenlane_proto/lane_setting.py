"""Lanes, shortest first, and the most total tokens that each is for: as the setting TOKENLANE_LANES, and as the message
that stands in its place. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tokenlane.v1.lane_pb2 import Boundaries
from tokenlane_proto import subjects


class LaneSetting(NamedTuple):
    """A lane, for requests of up to `upper` total tokens; None: as long as its engines take."""

    name: str
    upper: int | None


def parse_lanes(text: str) -> tuple[LaneSetting, ...]:
    """`short:8192,long` as lanes. Boundaries must rise and only the last lane has none. Raises ValueError."""
    lanes = tuple(_parse(part.strip()) for part in text.split(","))
    if lanes[-1].upper is not None:
        raise ValueError("the last lane has no boundary and every other has one, as in short:8192,long")
    _check(lanes)
    return lanes


def lanes_in(message: Boundaries) -> tuple[LaneSetting, ...]:
    """The lanes of a message. Raises ValueError where they make no sense: none, one named twice, not rising."""
    lanes = tuple(LaneSetting(lane.lane, lane.upper_tokens or None) for lane in message.lanes)
    if not lanes:
        raise ValueError("no lane is in use")
    _check(lanes)
    return lanes


def _check(lanes: Sequence[LaneSetting]) -> None:
    if any(lane.upper is None for lane in lanes[:-1]):
        raise ValueError("the last lane has no boundary and every other has one, as in short:8192,long")
    uppers = [lane.upper for lane in lanes if lane.upper is not None]
    if any(low >= high for low, high in pairwise(uppers)):
        raise ValueError("boundaries must rise")
    if len({lane.name for lane in lanes}) < len(lanes):
        raise ValueError("a lane is named twice")


def _parse(text: str) -> LaneSetting:
    name, colon, upper = text.partition(":")
    if not subjects.is_token(name):
        raise ValueError(f"lane name {name!r} must be 1 to 64 characters of [A-Za-z0-9_-]")
    if not colon:
        return LaneSetting(name, None)
    if not (upper.isascii() and upper.isdigit() and int(upper) > 0):
        raise ValueError(f"boundary {upper!r} of lane {name} must be a positive number of tokens")
    return LaneSetting(name, int(upper))
