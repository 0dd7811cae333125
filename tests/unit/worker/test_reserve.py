"""What batch leaves of an engine."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_worker.credit import NOTHING, Capacity, Cost
from tokenlane_worker.reserve import WINDOW_S, Reserve

CAPACITY = Capacity(tokens=800, sequences=80, largest=800)


def test_a_part_is_left_though_nobody_was_here() -> None:
    assert Reserve(CAPACITY).left(0) == Cost(100, 10)


def test_who_just_left_finds_room_again() -> None:
    reserve = Reserve(CAPACITY)
    reserve.takes(Cost(500, 50), 0)
    reserve.takes(Cost(200, 20), 1)
    assert reserve.left(1) == Cost(300, 30)
    assert reserve.left(WINDOW_S + 2) == Cost(300, 30)


def test_what_was_long_ago_is_forgotten() -> None:
    reserve = Reserve(CAPACITY)
    reserve.takes(Cost(500, 50), 0)
    reserve.takes(NOTHING, 1)
    assert reserve.left(WINDOW_S + 1) == Cost(500, 50)
    assert reserve.left(2 * WINDOW_S + 2) == Cost(100, 10)


def test_what_runs_for_long_is_not_left_twice() -> None:
    reserve = Reserve(CAPACITY)
    reserve.takes(Cost(500, 50), 0)
    assert reserve.left(10 * WINDOW_S) == Cost(100, 10)
    reserve.takes(Cost(300, 30), 10 * WINDOW_S + 1)
    assert reserve.left(10 * WINDOW_S + 2) == Cost(200, 20)


@given(st.lists(st.tuples(st.integers(0, 800), st.floats(0, 40)), min_size=1))
def test_the_most_of_the_last_window_is_kept_free_or_taken(steps: list[tuple[int, float]]) -> None:
    reserve, now_s, past = Reserve(CAPACITY), 0.0, [(0.0, 0)]
    for tokens, later_s in steps:
        now_s += later_s
        reserve.takes(Cost(tokens, 0), now_s)
        past.append((now_s, tokens))
        recent = [taken for at_s, taken in past if now_s - at_s < WINDOW_S]
        assert tokens + reserve.left(now_s).tokens >= max(recent)
