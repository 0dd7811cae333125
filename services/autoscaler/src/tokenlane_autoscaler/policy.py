"""How many replicas a lane should have. Pure; time is an argument, in seconds of any steady clock.

Up at once, for what waits must be worked off within the target. Down only when fewer would have done for the whole
cool-down, and only to as many as can carry the load with room to spare: the survivors get N/(N-1) of it.
"""

import math
from dataclasses import dataclass

# Rounding must not ask for a replica more.
_EPSILON = 1e-9
# More than any fleet, and finite.
_MANY = 1e9


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """`tolerance` is the overload, and `survivor_load` the utilisation of those who stay, at which nothing changes."""

    target_drain_s: float
    min_replicas: int
    max_replicas: int
    cooldown_s: float
    scale_up_factor: float
    tolerance: float = 0.1
    survivor_load: float = 0.8


@dataclass(frozen=True, slots=True)
class Lower:
    """Since when fewer replicas would do, and how many at most in that time."""

    since_s: float
    replicas: int


@dataclass(frozen=True, slots=True)
class LaneState:
    """What is known of a lane. `running_replicas` is how many replicas the running requests fill."""

    replicas: int
    waiting_tokens: float
    running_tokens: float
    running_replicas: float
    load_tokens_per_s: float
    replica_tokens_per_s: float
    lower: Lower | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Replicas wanted, and why. `lower` belongs into the next LaneState."""

    replicas: int
    reason: str
    lower: Lower | None = None


def decide(state: LaneState, settings: PolicySettings, now_s: float) -> Decision:
    """Replicas for a lane within the bounds."""
    if state.replicas > settings.max_replicas:
        return Decision(settings.max_replicas, "more than TOKENLANE_MAX_REPLICAS")
    if state.replicas < settings.min_replicas:
        return Decision(_up_to(state, settings), "fewer than TOKENLANE_MIN_REPLICAS")
    if _wanted(state, settings) > state.replicas:
        return Decision(_up_to(state, settings), _backlog_reason(state, settings))
    fewest = _fewest(state, settings)
    if fewest >= state.replicas:
        return Decision(state.replicas, "the load needs them")
    return _down(state, fewest, settings, now_s)


def _wanted(state: LaneState, settings: PolicySettings) -> int:
    """Replicas that work off what waits within the target, and at least one where anything is unfinished."""
    exact = _ratio(state.waiting_tokens, state.replica_tokens_per_s * settings.target_drain_s)
    within_tolerance = exact <= state.replicas * (1 + settings.tolerance)
    wanted = min(_ceil(exact), state.replicas) if within_tolerance else _ceil(exact)
    unfinished = _number(state.waiting_tokens) + _number(state.running_tokens) > 0
    floor = max(settings.min_replicas, 1 if unfinished else 0)
    return min(max(wanted, floor), settings.max_replicas)


def _up_to(state: LaneState, settings: PolicySettings) -> int:
    step = math.floor(max(state.replicas, 1) * settings.scale_up_factor)
    limit = max(step, state.replicas + 1, settings.min_replicas)
    return min(_wanted(state, settings), limit)


def _fewest(state: LaneState, settings: PolicySettings) -> int:
    """Replicas that carry what arrives and hold what runs, with room to spare."""
    load = _ratio(state.load_tokens_per_s, state.replica_tokens_per_s * settings.survivor_load)
    held = _ratio(state.running_replicas, settings.survivor_load)
    return max(_wanted(state, settings), min(_ceil(max(load, held)), state.replicas))


def _down(state: LaneState, fewest: int, settings: PolicySettings, now_s: float) -> Decision:
    before = state.lower or Lower(now_s, fewest)
    lower = Lower(before.since_s, max(before.replicas, fewest))
    if now_s - lower.since_s < settings.cooldown_s:
        return Decision(state.replicas, f"{lower.replicas} would do, cooling down", lower)
    return Decision(lower.replicas, f"{lower.replicas} did for {settings.cooldown_s:g} s")


def _backlog_reason(state: LaneState, settings: PolicySettings) -> str:
    rate, target = state.replica_tokens_per_s, settings.target_drain_s
    return f"{state.waiting_tokens:.0f} tokens wait; a replica finishes {rate:.0f} a second, target {target:g} s"


def _ratio(amount: float, by: float) -> float:
    """`amount / by`; 0 where there is no such number, as with no traffic at all."""
    return min(_number(amount) / by, _MANY) if math.isfinite(by) and by > 0 else 0.0


def _number(value: float) -> float:
    return value if math.isfinite(value) and value > 0 else 0.0


def _ceil(value: float) -> int:
    return math.ceil(value - _EPSILON)
