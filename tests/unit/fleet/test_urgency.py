"""Whose turn it is, on plain numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_fleet.urgency import (
    counted,
    due_s,
    has_credit,
    is_late,
    may_help,
    may_prefill,
    patience_s,
    precedes,
    prefill_s,
    prompt_token_s,
)

TIMES = st.floats(0, 1e6, allow_nan=False)


def test_a_long_limit_lets_a_later_short_one_go_first() -> None:
    long, short = due_s(0.0, 5.0), due_s(3.0, 1.0)
    assert precedes(short, 1, long, 0)
    assert not precedes(due_s(4.5, 1.0), 2, long, 0)


def test_of_equals_the_one_that_came_first() -> None:
    assert precedes(7.0, 1, 7.0, 2)
    assert not precedes(7.0, 2, 7.0, 1)


@given(st.lists(st.tuples(TIMES, st.integers(0, 9)), min_size=1, unique=True))
def test_turns_are_a_strict_order(requests: list[tuple[float, int]]) -> None:
    first = min(requests)
    assert all(precedes(*first, *other) for other in requests if other != first)
    assert not any(precedes(*other, *first) for other in requests)


def test_a_prompt_takes_as_many_full_steps_as_its_chunks() -> None:
    each = prompt_token_s(full_step_s=0.06, step_tokens=800, chunk_tokens=600)
    assert prefill_s(6_000, each) == pytest.approx(10 * 0.06)
    assert prompt_token_s(0.06, 800, 0) == pytest.approx(0.06 / 800)


def test_late_is_what_could_not_make_it_if_it_were_begun_now() -> None:
    assert not is_late(due=10.0, prefill=4.0, now_s=6.0)
    assert is_late(due=10.0, prefill=4.0, now_s=6.01)


def test_patience_is_a_multiple_of_the_limit_up_to_a_most() -> None:
    assert [patience_s(limit, 4.0, 20.0) for limit in (1.0, 5.0, 30.0)] == [4.0, 20.0, 20.0]
    assert patience_s(1.0, math.inf, math.inf) == math.inf


@given(TIMES, st.floats(0.1, 60), st.floats(0.1, 60))
def test_nobody_that_is_due_after_its_second_turn_overtakes(arrival: float, limit: float, other_limit: float) -> None:
    again = due_s(arrival, limit) + patience_s(limit, 4.0, 20.0)
    assert not precedes(due_s(again, other_limit), 1, again, 0)


def test_help_with_prompts_up_to_a_length() -> None:
    assert may_help(prompt_tokens=8_000, most_tokens=8_000)
    assert not may_help(8_001, 8_000)
    assert may_help(10**6, 0)


def test_a_request_counts_with_its_prompt_and_a_part_of_its_output() -> None:
    assert [counted(100, output) for output in (0, 1, 5, 301)] == [100, 101, 102, 221]


def test_credit() -> None:
    assert has_credit(outstanding=0, max_num_seqs=1, taken=0, tokens=10**9, credit=1)
    assert has_credit(3, 4, 700, 300, 1_000)
    assert not has_credit(3, 4, 701, 300, 1_000)
    assert not has_credit(4, 4, 0, 1, 1_000)


def test_the_cap_on_prompts_in_flight() -> None:
    assert may_prefill(in_flight=0, prompt_tokens=10**6, cap=100)
    assert may_prefill(60, 40, 100)
    assert not may_prefill(60, 41, 100)
    assert may_prefill(10**6, 10**6, 0)
