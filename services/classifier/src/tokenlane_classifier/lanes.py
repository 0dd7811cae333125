"""Which lane a budget belongs to. Wrong estimates cost efficiency, never correctness: every budget gets a lane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tokenlane_proto import subjects


@dataclass(frozen=True, slots=True)
class LaneBoundary:
    """A lane of the settings, for requests of up to `upper` total tokens; None: as long as its engines take."""

    name: str
    upper: int | None


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane that a model has, for requests of up to `upper` total tokens."""

    name: str
    upper: int


@dataclass(frozen=True, slots=True)
class ModelLanes:
    """The lanes of one model, shortest first, the one for what fits none, and the longest request that any can run.
    `contexts`: what the engines of each lane hold, shortest first, lanes that get nothing new included."""

    lanes: tuple[Lane, ...]
    largest: str
    max_model_len: int
    contexts: tuple[Lane, ...]


def parse_boundaries(text: str) -> tuple[LaneBoundary, ...]:
    """`short:8192,long` as boundaries. They must rise and only the last has none. Raises ValueError."""
    boundaries = tuple(_parse_boundary(part.strip()) for part in text.split(","))
    uppers = [boundary.upper for boundary in boundaries]
    if uppers[-1] is not None or None in uppers[:-1]:
        raise ValueError("the last lane has no boundary and every other has one, as in short:8192,long")
    rising = [upper for upper in uppers if upper is not None]
    if any(low >= high for low, high in pairwise(rising)):
        raise ValueError("boundaries must rise")
    if len({boundary.name for boundary in boundaries}) < len(boundaries):
        raise ValueError("a lane is named twice")
    return boundaries


def _parse_boundary(text: str) -> LaneBoundary:
    name, colon, upper = text.partition(":")
    if not subjects.is_token(name):
        raise ValueError(f"lane name {name!r} must be 1 to 64 characters of [A-Za-z0-9_-]")
    if not colon:
        return LaneBoundary(name, None)
    if not (upper.isascii() and upper.isdigit() and int(upper) > 0):
        raise ValueError(f"boundary {upper!r} of lane {name} must be a positive number of tokens")
    return LaneBoundary(name, int(upper))


def lanes_of(
    boundaries: Sequence[LaneBoundary],
    max_model_lens: Mapping[str, int],
    moved: Sequence[LaneBoundary] = (),
) -> ModelLanes:
    """The lanes of a model whose registered lanes hold `max_model_lens` tokens each (not empty). A lane is never chosen
    for more than its engines take. Lanes that the settings do not name are used where they name none of them. `moved`
    stands in place of the settings where it names a lane that the model has; a lane that it leaves out gets only what
    no other lane's engines hold."""
    known = [boundary for boundary in boundaries if boundary.name in max_model_lens]
    if not known:
        known = [LaneBoundary(name, None) for name, _ in sorted(max_model_lens.items(), key=lambda item: item[1])]
    chosen = [boundary for boundary in moved if boundary.name in max_model_lens] or known
    lanes = tuple(Lane(lane.name, _upper(lane, max_model_lens[lane.name])) for lane in chosen)
    # Where several hold as much, one that is in use, and of these the last.
    order = [lane.name for lane in (*reversed(chosen), *reversed(known))]
    largest = max(order, key=lambda name: max_model_lens[name])
    return ModelLanes(lanes, largest, max_model_lens[largest], _contexts(known, max_model_lens))


def _contexts(known: Sequence[LaneBoundary], max_model_lens: Mapping[str, int]) -> tuple[Lane, ...]:
    # Of equal ones the shortest lane first, and the same in every process.
    rank = {lane.name: index for index, lane in enumerate(known)}
    names = sorted(max_model_lens, key=lambda name: (max_model_lens[name], rank.get(name, len(rank)), name))
    return tuple(Lane(name, max_model_lens[name]) for name in names)


def _upper(lane: LaneBoundary, max_model_len: int) -> int:
    return max_model_len if lane.upper is None else min(lane.upper, max_model_len)


def choose(lanes: ModelLanes, total_tokens: int) -> str:
    """The first lane whose boundary holds `total_tokens`, otherwise the largest."""
    for lane in lanes.lanes:
        if total_tokens <= lane.upper:
            return lane.name
    return lanes.largest


def fitting(lanes: ModelLanes, total_tokens: int) -> str:
    """The first lane whose engines hold `total_tokens`, otherwise the one whose engines hold most."""
    for lane in lanes.contexts:
        if total_tokens <= lane.upper:
            return lane.name
    return lanes.contexts[-1].name
