"""What batch leaves of an engine."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_worker.credit import NOTHING, Capacity, Cost
from tokenlane_worker.reserve import WINDOW_S, Reserve, beside_of

CAPACITY = Capacity(tokens=800, sequences=80, largest=800)


def test_a_part_is_left_though_nobody_was_here() -> None:
    assert Reserve(CAPACITY, 80).left(0, 80, 0) == Cost(100, 10)


def test_who_just_left_finds_room_again() -> None:
    reserve = Reserve(CAPACITY, 80)
    reserve.takes(Cost(500, 50), 0)
    reserve.takes(Cost(200, 20), 1)
    assert reserve.left(1, 80, 0) == Cost(300, 30)
    assert reserve.left(WINDOW_S + 2, 80, 0) == Cost(300, 30)


def test_what_was_long_ago_is_forgotten() -> None:
    reserve = Reserve(CAPACITY, 80)
    reserve.takes(Cost(500, 50), 0)
    reserve.takes(NOTHING, 1)
    assert reserve.left(WINDOW_S + 1, 80, 0) == Cost(500, 50)
    assert reserve.left(2 * WINDOW_S + 2, 80, 0) == Cost(100, 10)


def test_what_runs_for_long_is_not_left_twice() -> None:
    reserve = Reserve(CAPACITY, 80)
    reserve.takes(Cost(500, 50), 0)
    assert reserve.left(10 * WINDOW_S, 80, 0) == Cost(100, 10)
    reserve.takes(Cost(300, 30), 10 * WINDOW_S + 1)
    assert reserve.left(10 * WINDOW_S + 2, 80, 0) == Cost(200, 20)


def test_beside_others_only_a_few_begin() -> None:
    reserve = Reserve(CAPACITY, 4)
    assert reserve.left(0, 80, 0) == Cost(100, 10), "nobody else is here"
    reserve.takes(Cost(10, 1), 1)
    assert [reserve.left(1, 70, batch).sequences for batch in (0, 3, 4, 60)] == [66, 69, 70, 70]
    assert [beside_of(sequences) for sequences in (8, 128, 1_024)] == [1, 4, 32]


@given(st.lists(st.tuples(st.integers(0, 800), st.floats(0, 40)), min_size=1))
def test_the_most_of_the_last_window_is_kept_free_or_taken(steps: list[tuple[int, float]]) -> None:
    reserve, now_s, past = Reserve(CAPACITY, 80), 0.0, [(0.0, 0)]
    for tokens, later_s in steps:
        now_s += later_s
        reserve.takes(Cost(tokens, 0), now_s)
        past.append((now_s, tokens))
        recent = [taken for at_s, taken in past if now_s - at_s < WINDOW_S]
        assert tokens + reserve.left(now_s, 80, 0).tokens >= max(recent)
