"""What is simulated: pools of engines, and how requests find them. Frozen values."""

import math
from dataclasses import dataclass
from enum import IntEnum

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.limits import SchedulerLimits


class PushRule(IntEnum):
    """How a router chooses a replica at arrival. Work is outstanding prompt tokens plus `Push.output_weight` times
    the outstanding output tokens of the budget."""

    ROUND_ROBIN = 0
    LEAST_REQUESTS = 1
    LEAST_WORK = 2


class Order(IntEnum):
    """What a central queue hands out first: what came first; what must begin its prefill first (arrival + limit - own
    prefill time); what must have its first token first (arrival + limit)."""

    FIFO = 0
    DEADLINE = 1
    DUE = 2


class Steal(IntEnum):
    """Whether a worker takes another lane's request that fits its engine: never; while its own lane has none; or what
    is next over all lanes, or over its own and those of longer requests."""

    NEVER = 0
    WHEN_IDLE = 1
    MOST_URGENT = 2
    LONGER = 3


class Bind(IntEnum):
    """When a queued request gets its worker. As soon as one has room, in turn (parked pulls on a bus) or the least
    loaded one; or only when a worker is about to start a step (an idle one does at once)."""

    IN_TURN = 0
    LEAST_LOADED = 1
    AT_STEP = 2


@dataclass(frozen=True, slots=True)
class Push:
    """A router in front: each request is sent to a replica as it comes, and waits in that engine's own queue. `spill`:
    a request whose pool has no replica with a free sequence slot goes to the next pool that has one."""

    rule: PushRule
    output_weight: float = 1.0
    spill: bool = False


@dataclass(frozen=True, slots=True)
class Pull:
    """A queue a lane; a worker pulls what its engine holds.

    KV credit: what all it has and this one count for (`urgency.counted`) stays within `overcommit` times its KV tokens,
    and requests within `max_num_seqs`; an empty one takes anything. `prefill_cap`: tokens of prompts not yet computed
    in one engine, above which it pulls nothing more (0: no cap; an engine without any takes a request of any length);
    with `whole_prompts` a prompt counts as a whole until its first token, which is all that a worker outside the engine
    sees. `late_last`: in order of limits, what can no longer make its own waits until the rest is served, or until
    `patience` times its limit (at most `patience_s`) after its turn. `chunked_prefill`: whether a request's own prefill
    time, by which that is judged, is what the engine's steps and chunks allow, not its arithmetic alone. `help_tokens`:
    the longest prompt that is taken from another lane (0: any).
    """

    order: Order = Order.FIFO
    overcommit: float = 1.0
    prefill_cap: int = 0
    late_last: bool = False
    steal: Steal = Steal.NEVER
    bind: Bind = Bind.IN_TURN
    whole_prompts: bool = False
    patience: float = math.inf
    patience_s: float = math.inf
    chunked_prefill: bool = False
    help_tokens: int = 0

    def __post_init__(self) -> None:
        if not (self.patience > 0 and self.patience_s > 0):
            raise FleetSettingError("what is late needs some patience before its turn comes again")


Dispatch = Push | Pull


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas with the same engine. `up_to_tokens`: largest budget that is routed here; None: any. `prefill_cap` and
    `overcommit` None: the queue's."""

    name: str
    limits: SchedulerLimits
    cost: StepCost
    replicas: int
    up_to_tokens: int | None = None
    prefill_cap: int | None = None
    overcommit: float | None = None

    def __post_init__(self) -> None:
        if self.replicas < 1:
            raise FleetSettingError(f"pool {self.name}: replicas must be at least 1, got {self.replicas}")


@dataclass(frozen=True, slots=True)
class Fleet:
    """Pools in the order of their boundaries. A request whose sequence outgrows its pool's `max_model_len` moves to the
    next one (its tokens are computed again there). `transit_s`: from arrival until an engine could have the request."""

    pools: tuple[Pool, ...]
    dispatch: Dispatch
    transit_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.pools:
            raise FleetSettingError("a fleet needs at least one pool")
        bounds = [pool.up_to_tokens for pool in self.pools]
        if bounds[-1] is not None or None in bounds[:-1]:
            raise FleetSettingError("all pools but the last need a boundary, and the last must have none")
        finite = [bound for bound in bounds if bound is not None]
        if finite != sorted(set(finite)) or any(bound < 1 for bound in finite):
            raise FleetSettingError(f"boundaries must ascend from at least 1: {finite}")
