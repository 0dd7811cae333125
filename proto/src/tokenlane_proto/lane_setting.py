"""The setting TOKENLANE_LANES: lanes, shortest first, and the most total tokens that each is for. Pure."""

from itertools import pairwise
from typing import NamedTuple

from tokenlane_proto import subjects


class LaneSetting(NamedTuple):
    """A lane, for requests of up to `upper` total tokens; None: as long as its engines take."""

    name: str
    upper: int | None


def parse_lanes(text: str) -> tuple[LaneSetting, ...]:
    """`short:8192,long` as lanes. Boundaries must rise and only the last lane has none. Raises ValueError."""
    lanes = tuple(_parse(part.strip()) for part in text.split(","))
    uppers = [lane.upper for lane in lanes]
    if uppers[-1] is not None or None in uppers[:-1]:
        raise ValueError("the last lane has no boundary and every other has one, as in short:8192,long")
    if any(low >= high for low, high in pairwise(upper for upper in uppers if upper is not None)):
        raise ValueError("boundaries must rise")
    if len({lane.name for lane in lanes}) < len(lanes):
        raise ValueError("a lane is named twice")
    return lanes


def _parse(text: str) -> LaneSetting:
    name, colon, upper = text.partition(":")
    if not subjects.is_token(name):
        raise ValueError(f"lane name {name!r} must be 1 to 64 characters of [A-Za-z0-9_-]")
    if not colon:
        return LaneSetting(name, None)
    if not (upper.isascii() and upper.isdigit() and int(upper) > 0):
        raise ValueError(f"boundary {upper!r} of lane {name} must be a positive number of tokens")
    return LaneSetting(name, int(upper))
