"""When the boundary moves, where to, and when it does not."""

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fleet.boundary.traffics import Request, alike, chat, lanes, long_heavy, traffic_of
from tokenlane_fleet.boundary import (
    BoundaryDecision,
    BoundarySettings,
    Current,
    LaneCapacity,
    LaneUpper,
    Traffic,
    decide,
)

RULES = BoundarySettings()
CHAT, ALIKE, LONG = (
    traffic_of(kind(4_000, random.Random(1)), rate) for kind, rate in ((chat, 24), (alike, 28), (long_heavy, 5))
)


def at(boundary: int) -> Current:
    return Current((LaneUpper("short", boundary), LaneUpper("long", None)))


def settled(
    traffic: Traffic,
    of: list[LaneCapacity],
    current: Current,
    rules: BoundarySettings = RULES,
    seconds: int = 4_000,
) -> list[BoundaryDecision]:
    """The changes while nothing else does."""
    changes = []
    for now in range(0, seconds, 50):
        decision = decide(traffic, of, rules, current, float(now))
        current = decision.current
        if decision.changed:
            changes.append(decision)
    return changes


def test_a_boundary_that_overloads_a_lane_is_moved_once() -> None:
    (change,) = settled(CHAT, lanes(2, 6), at(8_192))
    assert change.outlook is not None
    assert 900 < (change.outlook.boundary or 0) < 2_000
    assert change.outlook.utilisation < RULES.full
    assert "where it was" in change.reason


def test_short_requests_are_kept_apart_from_long_ones() -> None:
    (change,) = settled(LONG, lanes(), at(32_768))
    assert change.outlook is not None
    assert change.outlook.boundary == RULES.short_tokens
    assert change.gain > 3


def test_a_lane_that_would_be_overloaded_gives_long_requests_away() -> None:
    (change,) = settled(LONG, lanes(7, 1), at(4_096))
    assert change.outlook is not None
    assert (change.outlook.boundary or 0) > 8_192
    assert all(lane.utilisation < 0.95 for lane in change.outlook.lanes)


def test_nothing_changes_where_the_present_boundary_will_do() -> None:
    assert settled(CHAT, lanes(), at(4_096)) == []
    assert settled(LONG, lanes(), at(4_608)) == []


def test_uniform_traffic_is_not_split_for_little_and_that_is_said() -> None:
    assert settled(ALIKE, lanes(), at(4_096)) == []
    decision = decide(ALIKE, lanes(), RULES, at(4_096), 0)
    assert decision.reason == "the traffic is uniform: lane short takes nearly all of it, and the others stand by"
    assert ALIKE.is_uniform
    assert not CHAT.is_uniform


def test_uniform_traffic_is_split_where_one_lane_cannot_do_it() -> None:
    (change,) = settled(replace(ALIKE, rate=50), lanes(), at(4_096))
    assert change.outlook is not None
    assert 1_152 <= (change.outlook.boundary or 0) <= 1_408


def test_a_change_waits_until_it_is_confirmed_and_the_interval_is_over() -> None:
    decided = replace(at(32_768), decided_s=100.0)
    first = decide(LONG, lanes(), RULES, decided, 110)
    assert not first.changed
    assert first.current.wrong_since_s == 110
    assert "long enough" in first.reason
    second = decide(LONG, lanes(), RULES, first.current, 200)
    assert not second.changed
    assert "300 s" in second.reason
    third = decide(LONG, lanes(), RULES, second.current, 400)
    assert third.changed
    assert third.current == Current(third.uppers, 400.0)
    relieved = decide(CHAT, lanes(), RULES, replace(at(4_096), wrong_since_s=5.0), 10)
    assert relieved.current.wrong_since_s is None


def test_too_few_requests_change_nothing() -> None:
    few = traffic_of(long_heavy(100, random.Random(1)), 7.5)
    decision = decide(few, lanes(), RULES, at(32_768), 1e6)
    assert not decision.changed
    assert "requests known" in decision.reason


def test_a_lane_that_falls_behind_gets_more_than_it_finishes() -> None:
    """The finished requests alone look as if all were well."""
    behind = [replace(lane, pressure=3.0) if lane.name == "long" else lane for lane in lanes(6, 2)]
    traffic = replace(LONG, rate=2)
    assert settled(traffic, lanes(6, 2), at(4_096)) == []
    (change,) = settled(traffic, behind, at(4_096), seconds=200)
    assert change.uppers[0].upper is not None
    assert change.uppers[0].upper > 4_096


def test_a_small_elastic_fleet_collapses_after_a_while_and_says_why() -> None:
    (change,) = settled(replace(CHAT, rate=1), lanes(1, 1, elastic=True), at(4_096))
    assert change.collapsed
    assert change.uppers[0].upper is None
    assert change.reason.startswith("the fleet is too small for 2 lanes to pay")
    assert change.current.decided_s is not None
    assert change.current.decided_s >= RULES.confirm_one_s


def test_uniform_elastic_traffic_collapses() -> None:
    (change,) = settled(replace(ALIKE, rate=10), lanes(elastic=True), at(1_280))
    assert change.collapsed
    assert change.reason.startswith("the traffic is uniform")


def test_the_second_lane_opens_again_when_it_pays() -> None:
    alone = Current((LaneUpper("long", None),), decided_s=0.0)
    (change,) = settled(LONG, lanes(elastic=True), alone)
    assert [lane.lane for lane in change.uppers] == ["short", "long"]
    assert change.reason.startswith("two lanes pay again")
    assert change.current.decided_s == 300


@pytest.mark.parametrize(
    "of",
    [
        lanes(elastic=False),
        lanes(1, 1, elastic=True, speed=1_000),
    ],
    ids=["workers would stand by", "one lane cannot do it"],
)
def test_no_collapse_where_it_does_not_help(of: list[LaneCapacity]) -> None:
    assert not any(change.collapsed for change in settled(replace(CHAT, rate=1), of, at(4_096)))


def test_fixed_lanes_collapse_only_if_idle_ones_give_their_machines_back() -> None:
    quiet = replace(CHAT, rate=2)
    assert not any(change.collapsed for change in settled(quiet, lanes(), at(4_096)))
    (change,) = settled(quiet, lanes(), at(4_096), replace(RULES, scales_to_zero=True))
    assert change.collapsed
    off = replace(RULES, scales_to_zero=True, may_collapse=False)
    assert not any(change.collapsed for change in settled(quiet, lanes(), at(4_096), off))


def test_one_lane_that_holds_everything_takes_everything() -> None:
    of = lanes(6, 2, elastic=True, short_context=8_192)
    (change,) = settled(replace(CHAT, rate=0.2), of, at(4_096))
    assert change.uppers == (LaneUpper("long", None),)


def test_three_lanes_divide_in_order() -> None:
    of = [
        LaneCapacity("s", 2, 11_000, 131_072),
        LaneCapacity("m", 2, 11_000, 131_072),
        LaneCapacity("l", 2, 11_000, 131_072),
    ]
    current = Current((LaneUpper("s", 32_768), LaneUpper("m", 65_536), LaneUpper("l", None)))
    (change,) = settled(LONG, of, current)
    first, second, last = (lane.upper for lane in change.uppers)
    assert first is not None
    assert second is not None
    assert first < second
    assert last is None
    assert change.outlook is not None
    assert change.outlook.utilisation < 1


def test_lanes_that_nobody_decided_on_are_divided_at_once() -> None:
    decision = decide(CHAT, lanes(), RULES, Current(()), 0)
    assert decision.changed
    assert [lane.lane for lane in decision.uppers] == ["short", "long"]


KINDS: list[Callable[[int, random.Random], list[Request]]] = [chat, alike, long_heavy]


@settings(deadline=None, max_examples=15)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    rate=st.floats(0.01, 100),
    replicas=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    elastic=st.booleans(),
    contexts=st.sampled_from([8_192, 131_072]),
    pressure=st.floats(1, 5),
)
def test_never_twice_within_the_interval_never_out_of_bounds_and_always_settled(
    kinds: list[Callable[[int, random.Random], list[Request]]],
    rate: float,
    replicas: tuple[int, int],
    elastic: bool,
    contexts: int,
    pressure: float,
) -> None:
    of = lanes(*replicas, elastic=elastic, short_context=contexts)
    of[1] = replace(of[1], pressure=pressure)
    rules = replace(RULES, scales_to_zero=not elastic, least_tokens=700, most_tokens=20_000, confirm_one_s=600)
    current, now, changed_s = at(8_192), 0.0, []
    for kind in kinds:
        traffic = traffic_of(kind(300, random.Random(3)), rate)
        for _ in range(15):
            now += 120
            decision = decide(traffic, of, rules, current, now)
            current = decision.current
            if decision.changed:
                changed_s.append(now)
                bound = [lane.upper for lane in decision.uppers[:-1]]
                assert all(upper is not None and 700 <= upper <= min(20_000, contexts) for upper in bound)
                assert decision.uppers[-1].upper is None
                assert decision.uppers[-1].lane == "long" or contexts == 131_072
            assert decision.reason
    assert all(later - earlier >= rules.interval_s for earlier, later in pairwise(changed_s))
