"""Integer searches find the edge, and ask little."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_fleet.plan.monotone import highest, lowest

RANGES = st.tuples(st.integers(-200, 200), st.integers(0, 400)).map(lambda of: (of[0], of[0] + of[1]))


@given(RANGES, st.integers(-500, 500), st.integers(-500, 900))
def test_lowest_is_the_edge(within: tuple[int, int], guess: int, edge: int) -> None:
    low, high = within
    expected = max(low, edge) if edge <= high else None
    assert lowest(lambda asked: [n >= edge for n in asked], guess, low, high) == expected


@given(RANGES, st.integers(-500, 500), st.integers(-500, 900))
def test_highest_is_the_edge(within: tuple[int, int], guess: int, edge: int) -> None:
    low, high = within
    expected = min(high, edge) if edge >= low else None
    assert highest(lambda asked: [n <= edge for n in asked], guess, low, high) == expected


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 60))
def test_answers_that_are_not_monotone_end_where_one_holds_and_the_one_below_does_not(
    answers: list[bool], guess: int
) -> None:
    found = lowest(lambda asked: [answers[n - 1] for n in asked], guess, 1, len(answers))
    if found is not None:
        assert answers[found - 1]
        assert found == 1 or not answers[found - 2]


@pytest.mark.parametrize(("guess", "most"), [(300, 1), (299, 4), (280, 6), (10, 12)])
def test_a_near_guess_needs_few_rounds(guess: int, most: int) -> None:
    rounds: list[Sequence[int]] = []

    def holds(asked: Sequence[int]) -> list[bool]:
        rounds.append(asked)
        return [n >= 300 for n in asked]

    assert lowest(holds, guess, 1, 4096) == 300
    assert len(rounds) <= most


def test_an_empty_range_holds_nothing() -> None:
    assert lowest(lambda asked: [True for _ in asked], 1, 2, 1) is None
