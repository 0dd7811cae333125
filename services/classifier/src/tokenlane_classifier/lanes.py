"""Which lane a budget belongs to. Wrong estimates cost efficiency, never correctness: every budget gets a lane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tokenlane_proto.lane_setting import LaneSetting


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


def lanes_of(
    boundaries: Sequence[LaneSetting],
    max_model_lens: Mapping[str, int],
    moved: Sequence[LaneSetting] = (),
) -> ModelLanes:
    """The lanes of a model whose registered lanes hold `max_model_lens` tokens each (not empty). A lane is never chosen
    for more than its engines take. Lanes that the settings do not name are used where they name none of them. `moved`
    stands in place of the settings where it names a lane that the model has; a lane that it leaves out gets only what
    no other lane's engines hold."""
    known = [boundary for boundary in boundaries if boundary.name in max_model_lens]
    if not known:
        known = [LaneSetting(name, None) for name, _ in sorted(max_model_lens.items(), key=lambda item: item[1])]
    chosen = [boundary for boundary in moved if boundary.name in max_model_lens] or known
    lanes = tuple(Lane(lane.name, _upper(lane, max_model_lens[lane.name])) for lane in chosen)
    # Where several hold as much, one that is in use, and of these the last.
    order = [lane.name for lane in (*reversed(chosen), *reversed(known))]
    largest = max(order, key=lambda name: max_model_lens[name])
    return ModelLanes(lanes, largest, max_model_lens[largest], _contexts(known, max_model_lens))


def _contexts(known: Sequence[LaneSetting], max_model_lens: Mapping[str, int]) -> tuple[Lane, ...]:
    # Of equal ones the shortest lane first, and the same in every process.
    rank = {lane.name: index for index, lane in enumerate(known)}
    names = sorted(max_model_lens, key=lambda name: (max_model_lens[name], rank.get(name, len(rank)), name))
    return tuple(Lane(name, max_model_lens[name]) for name in names)


def _upper(lane: LaneSetting, max_model_len: int) -> int:
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
