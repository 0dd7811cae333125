"""What runs now: the lanes of a model, their boundaries, engines and workers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tokenlane.v1.lane_pb2 import Boundaries, LaneProfile
from tokenlane_cli.errors import UsageError
from tokenlane_cli.stack.options import parse_lanes
from tokenlane_cli.tune.traffic import ModelTraffic

_MOST_REPLICAS = 256


@dataclass(frozen=True, slots=True)
class LaneNow:
    """`up_to_tokens` None: as long as its engines hold. 0: not known. `replicas`: workers there at once, at least 1."""

    name: str
    up_to_tokens: int | None
    replicas: int = 1
    max_model_len: int = 0
    kv_tokens: int = 0
    max_num_seqs: int = 0
    max_num_batched_tokens: int = 0
    elastic: bool = True
    simulated: bool = False


class Isolation(StrEnum):
    """Whether idle workers help other lanes."""

    ELASTIC = "elastic"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says of it. `lanes`: as in short:8192,long; `replicas`: by lane, as in 2,1. Empty, None: ask the
    bus, else the traffic."""

    lanes: str = ""
    replicas: str = ""
    isolation: Isolation | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the bus says of a model; a file says nothing."""

    profiles: Mapping[str, LaneProfile]
    boundaries: Boundaries | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """The lanes, shortest first, and where the boundaries are from, for people."""

    lanes: tuple[LaneNow, ...]
    source: str

    @property
    def uppers(self) -> tuple[int | None, ...]:
        """Boundaries by lane."""
        return tuple(lane.up_to_tokens for lane in self.lanes)

    @property
    def boundary(self) -> int:
        """Of two lanes or more the first one's; 0 where there is but one."""
        return self.lanes[0].up_to_tokens or 0 if len(self.lanes) > 1 else 0


def present_lanes(traffic: ModelTraffic, known: Known, given: Given, from_ms: int, to_ms: int) -> Present:
    """What is given, else what the bus knows, else what the traffic shows; workers as they were there in the stretch.
    Raises UsageError for what is given."""
    bounds, source = _bounds(traffic, known, given.lanes)
    lanes = tuple(_lane(lane, traffic, known, from_ms, to_ms) for lane in bounds)
    if given.replicas:
        lanes = tuple(map(_with_replicas, lanes, _replicas(given.replicas, len(lanes))))
    if given.isolation is not None:
        lanes = tuple(replace(lane, elastic=given.isolation is Isolation.ELASTIC) for lane in lanes)
    return Present(lanes, source)


def _replicas(text: str, lanes: int) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != lanes or not all(part.isdecimal() and 0 < int(part) <= _MOST_REPLICAS for part in parts):
        raise UsageError(f"--replicas: a number of workers for each of {lanes} lanes, as in 2,1, not {text!r}")
    return [int(part) for part in parts]


def _with_replicas(lane: LaneNow, replicas: int) -> LaneNow:
    return replace(lane, replicas=replicas)


def _bounds(traffic: ModelTraffic, known: Known, given: str) -> tuple[list[LaneNow], str]:
    if given:
        names = [part.partition(":")[0].strip() for part in given.split(",")]
        options = parse_lanes(given, dict.fromkeys(names, 1))
        return [LaneNow(lane.name, lane.boundary) for lane in options], "as --lanes says"
    if known.boundaries is not None and known.boundaries.lanes:
        uppers = [LaneNow(lane.lane, lane.upper_tokens or None) for lane in known.boundaries.lanes]
        return _open_ended(uppers), "as the autoscaler has set it"
    lanes = sorted(traffic.lanes, key=lambda name: traffic.lanes[name].largest_chosen)
    return _open_ended([LaneNow(name, traffic.lanes[name].largest_chosen or None) for name in lanes]), (
        "the longest that came to each lane, so about where it was at most; --lanes says it exactly"
    )


def _open_ended(lanes: list[LaneNow]) -> list[LaneNow]:
    """Without a boundary on the last lane, and without lanes before it that have none."""
    bounded = [lane for lane in lanes[:-1] if lane.up_to_tokens]
    return [*bounded, replace(lanes[-1], up_to_tokens=None)]


def _lane(lane: LaneNow, traffic: ModelTraffic, known: Known, from_ms: int, to_ms: int) -> LaneNow:
    workers = traffic.workers.get(lane.name)
    replicas = max(1, workers.at_once(from_ms, to_ms)) if workers is not None else 1
    profile = known.profiles.get(lane.name)
    if profile is None:
        return replace(lane, replicas=replicas)
    return replace(
        lane,
        replicas=replicas,
        max_model_len=profile.max_model_len,
        kv_tokens=profile.kv_capacity_tokens,
        max_num_seqs=profile.max_num_seqs,
        max_num_batched_tokens=profile.max_num_batched_tokens,
        elastic=profile.elastic,
        simulated=profile.simulated,
    )
