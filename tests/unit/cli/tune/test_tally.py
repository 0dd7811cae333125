"""Counts in bins say what sorted numbers would, nearly."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.tune.tally import Tally

NUMBERS = st.lists(st.integers(0, 2**40), min_size=1, max_size=200)


def tally(numbers: list[int]) -> Tally:
    counted = Tally()
    for number in numbers:
        counted.add(number)
    return counted


@given(NUMBERS, st.floats(0.01, 1))
def test_a_quantile_is_near_the_number_at_its_rank(numbers: list[int], fraction: float) -> None:
    rank = min(range(len(numbers)), key=lambda place: ((place + 1) < fraction * len(numbers), place))
    exact = sorted(numbers)[rank]
    found = tally(numbers).quantile(fraction)
    assert abs(found - exact) <= exact * 0.008 + (exact >= 128)
    if exact < 128:
        assert found == exact


@given(NUMBERS, NUMBERS)
def test_merged_is_as_counted_together(some: list[int], others: list[int]) -> None:
    merged = tally(some)
    merged.merge(tally(others))
    assert merged == tally(some + others)
    assert merged.mean == sum(some + others) / len(some + others)


@given(NUMBERS, st.integers(0, 2**40), st.integers(0, 2**40))
def test_what_is_above_and_between_is_what_is_there(numbers: list[int], a: int, b: int) -> None:
    low, high = sorted((a, b))
    counted = tally(numbers)
    assert counted.between(low, high).count + counted.between(high, None).count == counted.above(low)
    assert counted.above(high) <= sum(number > high for number in numbers)
    assert counted.above(high) >= sum(number > high * 1.02 + 1 for number in numbers)
    assert counted.between(low, high).largest <= max(numbers)


def test_bins_are_few() -> None:
    assert len(tally(list(range(100_000))).bins) < 1_000
    assert Tally().quantiles((0.5, 0.99)) == [0, 0]
    assert Tally().mean == 0
