"""What an engine has not computed yet bounds what is pulled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_worker.prefill import Pace, Prefill

PROMPTS = st.lists(st.tuples(st.integers(1, 10**5), st.integers(0, 2)), max_size=30)


@given(PROMPTS, st.integers(1, 10**5), st.integers(1, 100))
def test_what_is_computed_leaves_nothing_behind(prompts: list[tuple[int, int]], cap: int, room: int) -> None:
    prefill = Prefill(cap, 3)
    for prompt in prompts:
        prefill.begin(*prompt)
    for urgency in range(3):
        left = cap - sum(tokens for tokens, other in prompts if other <= urgency)
        assert (prefill.limit(room, urgency) == 0) == (left <= 0)
        assert prefill.limit(room, urgency) <= room
    for prompt in prompts:
        prefill.end(*prompt)
    assert all(1 <= prefill.limit(room, urgency) <= room for urgency in range(3))


def test_as_many_are_asked_for_as_fill_the_steps_ahead() -> None:
    prefill = Prefill(4000, 1)
    for _ in range(200):
        prefill.begin(100, 0)
        prefill.end(100, 0)
    assert prefill.limit(1000, 0) in (39, 40)
    prefill.begin(3000, 0)
    assert 1 <= prefill.limit(1000, 0) <= 10
    prefill.begin(1000, 0)
    assert prefill.limit(1000, 0) == 0


def test_without_a_cap_there_is_none() -> None:
    prefill = Prefill(0, 1)
    prefill.begin(10**9, 0)
    assert prefill.limit(7, 0) == 7


def test_short_prompts_are_pulled_many_at_a_time_though_nobody_tells_when_they_are_computed() -> None:
    prefill = Prefill(4096, 1)
    assert prefill.limit(100, 0) == 4
    for _ in range(60):
        prefill.seen(16)
    assert prefill.limit(100, 0) == 100


def test_the_pace_is_that_of_the_last_streams() -> None:
    pace = Pace(1_000)
    assert pace.expected_s(100) is None
    pace.shown(1_000, 0.2)
    assert pace.expected_s(3_000) == pytest.approx(0.4)
    for _ in range(100):
        pace.shown(0, 0.05)
    assert pace.expected_s(0) == pytest.approx(0.05, rel=0.01)
    assert pace.expected_s(3_000) == pytest.approx(0.2, rel=0.01)
