"""What a search chooses: lanes, their engines' settings, and how requests find them. Values that compare and hash."""

from dataclasses import dataclass, replace

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.limits import SchedulerLimits
from tokenlane_fleet.sim.fleet import Dispatch, Fleet, Pool, Pull, Push, Steal


@dataclass(frozen=True, slots=True)
class Engine:
    """vLLM's settings of a lane's engines, and its workers' two: `kv_overcommit` and `prefill_cap` (see `Pull`)."""

    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    long_prefill_token_threshold: int = 0
    kv_overcommit: float = 1.0
    prefill_cap: int = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """`up_to_tokens`: the largest budget that comes here; None for the last lane."""

    name: str
    up_to_tokens: int | None
    engine: Engine


@dataclass(frozen=True, slots=True)
class Design:
    """All of a fleet but how many replicas. The lanes' own `kv_overcommit` and `prefill_cap` are laid over a `Pull`."""

    lanes: tuple[Lane, ...]
    dispatch: Dispatch

    @property
    def apart(self) -> bool:
        """Whether no lane's workers take from another's queue, and no router spills over."""
        return not self.dispatch.spill if isinstance(self.dispatch, Push) else self.dispatch.steal is Steal.NEVER

    @property
    def own_rules(self) -> bool:
        """Whether each lane's workers may have their own credit and cap: lanes apart, and those that help by turns."""
        return self.apart or (isinstance(self.dispatch, Pull) and self.dispatch.steal is not Steal.WHEN_IDLE)

    def alone(self, index: int) -> "Design":
        """One lane as a fleet of its own."""
        return Design((replace(self.lanes[index], up_to_tokens=None),), self.dispatch)

    def with_engine(self, index: int, engine: Engine) -> "Design":
        """The same with another engine in lane `index`."""
        lanes = list(self.lanes)
        lanes[index] = replace(lanes[index], engine=engine)
        return replace(self, lanes=tuple(lanes))

    def bounds(self) -> tuple[tuple[int, int | None], ...]:
        """(above, up to) of each lane's budgets."""
        uppers = [lane.up_to_tokens for lane in self.lanes]
        return tuple(zip([0, *(upper or 0 for upper in uppers[:-1])], uppers, strict=True))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A whole fleet: `replicas` by lane."""

    design: Design
    replicas: tuple[int, ...]


def one_pool(engine: Engine, dispatch: Dispatch) -> Design:
    """A single lane for everything."""
    return Design((Lane("all", None, engine),), dispatch)


def fleet(design: Design, replicas: tuple[int, ...], hardware: Hardware, transit_s: float = 0.0) -> Fleet:
    """The fleet to simulate. Raises FleetSettingError where lanes share a queue's rules and disagree about them, and
    LimitsError where an engine could not start."""
    pools = tuple(
        Pool(
            lane.name,
            limits(lane.engine, hardware),
            hardware.cost,
            count,
            lane.up_to_tokens,
            lane.engine.prefill_cap,
            lane.engine.kv_overcommit,
        )
        for lane, count in zip(design.lanes, replicas, strict=True)
    )
    return Fleet(pools, _dispatch(design), transit_s)


def limits(engine: Engine, hardware: Hardware) -> SchedulerLimits:
    """The scheduler's limits on this hardware. Raises LimitsError."""
    return hardware.limits(
        engine.max_model_len,
        engine.max_num_seqs,
        engine.max_num_batched_tokens,
        engine.long_prefill_token_threshold,
    )


def _dispatch(design: Design) -> Dispatch:
    if isinstance(design.dispatch, Push):
        return design.dispatch
    rules = {(lane.engine.kv_overcommit, lane.engine.prefill_cap) for lane in design.lanes}
    if len(rules) > 1 and not design.own_rules:
        raise FleetSettingError("lanes that share one fleet's queues need the same kv_overcommit and prefill_cap")
    return design.dispatch
