"""Replicas from backlog: at once up, slowly down, and still where nothing changes."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_autoscaler.policy import Decision, LaneState, Lower, PolicySettings, decide

SETTINGS = PolicySettings(target_drain_s=30, min_replicas=0, max_replicas=20, cooldown_s=120, scale_up_factor=4)
IDLE = LaneState(
    replicas=1,
    waiting_tokens=0,
    running_tokens=0,
    running_replicas=0,
    load_tokens_per_s=0,
    replica_tokens_per_s=1_000,
)
AMOUNT = st.floats(0, 1e9)
ANYTHING = st.floats()


def after_cooldown(state: LaneState, settings: PolicySettings = SETTINGS) -> Decision:
    """The decision once `state` has lasted for the cool-down."""
    held = decide(state, settings, 0)
    return decide(replace(state, lower=held.lower), settings, settings.cooldown_s)


@pytest.mark.parametrize(
    ("replicas", "waiting", "wanted"),
    [(1, 90_000, 3), (1, 90_001, 4), (1, 30_000, 1), (1, 33_000, 1), (1, 34_000, 2), (0, 1, 1), (3, 100_000, 4)],
)
def test_what_waits_is_worked_off_within_the_target(replicas: int, waiting: float, wanted: int) -> None:
    assert decide(replace(IDLE, replicas=replicas, waiting_tokens=waiting), SETTINGS, 0).replicas == wanted


def test_one_step_grows_by_the_factor_at_most() -> None:
    flooded = replace(IDLE, waiting_tokens=1e9)
    steps = [1]
    while steps[-1] < SETTINGS.max_replicas:
        steps.append(decide(replace(flooded, replicas=steps[-1]), SETTINGS, 0).replicas)
    assert steps == [1, 4, 16, 20]


def test_an_idle_lane_goes_to_the_minimum_after_the_cool_down() -> None:
    assert decide(IDLE, SETTINGS, 0).replicas == 1
    assert after_cooldown(IDLE).replicas == 0
    assert after_cooldown(replace(IDLE, replicas=9), replace(SETTINGS, min_replicas=2)).replicas == 2


@pytest.mark.parametrize("nothing", [math.nan, -1.0, 0.0])
def test_no_traffic_is_no_traffic_however_it_is_told(nothing: float) -> None:
    silent = replace(
        IDLE,
        replicas=3,
        waiting_tokens=nothing,
        running_tokens=nothing,
        running_replicas=nothing,
        load_tokens_per_s=nothing,
        replica_tokens_per_s=nothing,
    )
    assert after_cooldown(silent).replicas == 0


def test_an_unfinished_request_keeps_one_replica() -> None:
    assert after_cooldown(replace(IDLE, replicas=3, running_tokens=10)).replicas == 1


def test_the_survivors_must_be_able_to_carry_the_load() -> None:
    busy = replace(IDLE, replicas=3)
    assert after_cooldown(replace(busy, load_tokens_per_s=1_700)).replicas == 3
    assert after_cooldown(replace(busy, load_tokens_per_s=1_600)).replicas == 2
    assert after_cooldown(replace(busy, running_tokens=1, running_replicas=1.7)).replicas == 3
    assert after_cooldown(replace(busy, running_tokens=1, running_replicas=1.6)).replicas == 2


def test_a_moment_of_load_begins_the_cool_down_anew() -> None:
    held = decide(replace(IDLE, replicas=2), SETTINGS, 0)
    assert held.lower == Lower(0, 0)
    busy = decide(replace(IDLE, replicas=2, load_tokens_per_s=1_900, lower=held.lower), SETTINGS, 60)
    assert (busy.replicas, busy.lower) == (2, None)


def test_the_most_that_was_needed_in_the_cool_down_stays() -> None:
    state = replace(IDLE, replicas=9)
    for now_s, load in ((0, 0.0), (60, 3_000.0), (119, 0.0)):
        decision = decide(replace(state, load_tokens_per_s=load), SETTINGS, now_s)
        assert decision.replicas == 9
        state = replace(state, lower=decision.lower)
    assert decide(state, SETTINGS, 120).replicas == 4


def test_bounds_that_were_moved_hold_at_once() -> None:
    assert decide(replace(IDLE, replicas=30), SETTINGS, 0).replicas == 20
    assert decide(replace(IDLE, replicas=1), replace(SETTINGS, min_replicas=8), 0).replicas == 8


@given(st.integers(0, 40), AMOUNT, AMOUNT)
def test_more_waiting_never_means_fewer_replicas(replicas: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    state = replace(IDLE, replicas=replicas)
    few, many = (decide(replace(state, waiting_tokens=waiting), SETTINGS, 0).replicas for waiting in (low, high))
    assert few <= many


@given(st.integers(0, 40), ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING, st.booleans())
def test_whatever_is_measured_the_bounds_hold(
    replicas: int, waiting: float, running: float, filled: float, load: float, rate: float, cooled: bool
) -> None:
    state = LaneState(replicas, waiting, running, filled, load, rate, Lower(-1e6, 0) if cooled else None)
    decision = decide(state, replace(SETTINGS, min_replicas=1), 0)
    assert 1 <= decision.replicas <= 20
    assert decision.reason
