"""Sketches, mixtures, calibration and priors by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.estimate.calibration import HIGHEST_LEVEL, LOWEST_LEVEL, moved, stretch
from tokenlane_classifier.estimate.mixture import mixed, quantile, rests_on
from tokenlane_classifier.estimate.output_keys import (
    LEVELS,
    coarseness,
    is_key,
    leaf_of,
    prompt_keys,
    route_keys,
    shard_of,
)
from tokenlane_classifier.estimate.output_priors import STRENGTHS, Priors
from tokenlane_classifier.estimate.route import Route
from tokenlane_classifier.estimate.sketch import ACCURACY, MOST_BINS, HalfLife, Sketch, Sums, bin_of, highest, middle

LASTING = HalfLife(1e15, 1e15)
DEFAULT = Sums(bin_of(500), [1.0])


def sketch(values: list[int], half_life: HalfLife = LASTING, step_ms: int = 0) -> Sketch:
    """With these values."""
    made = Sketch(0)
    for index, value in enumerate(values):
        made.add(bin_of(value), index * step_ms, half_life)
    return made


@given(st.integers(0, 2**31))
def test_a_bin_s_highest_value_is_in_it_and_its_middle_is_close(tokens: int) -> None:
    number = bin_of(tokens)
    assert max(tokens, 1) <= highest(number)
    assert bin_of(highest(number)) in (number, number - 1)
    assert abs(middle(number) - max(tokens, 1)) <= ACCURACY * tokens + 1


@given(st.lists(st.integers(10, 100_000), min_size=1, max_size=200), st.floats(0.05, 1.0))
def test_a_quantile_is_one_of_the_values_up_to_the_accuracy(values: list[int], level: float) -> None:
    parts = mixed([(sketch(values), 1e-9)], DEFAULT, 0, LASTING)
    found = highest(quantile(parts, level))
    at_least = sum(value <= found for value in values) / len(values)
    below = sum(value < found / (1 + 2.2 * ACCURACY) - 1 for value in values) / len(values)
    assert at_least >= level - 0.02
    assert below <= level + 1e-6


@given(st.lists(st.integers(1, 2**31), max_size=300))
def test_a_sketch_is_bounded_and_comes_back_from_its_numbers(values: list[int]) -> None:
    made = sketch(values)
    weights = made.weights()
    assert len(weights.bins) <= MOST_BINS
    assert Sketch.of(weights).weights() == weights
    assert made.evidence(0, LASTING) == pytest.approx(len(values))


def test_old_values_weigh_half_after_a_half_life_of_time_or_of_values() -> None:
    by_time = sketch([100] * 64)
    assert by_time.evidence(1_000, HalfLife(1_000, 1e15)) == pytest.approx(32)
    by_values = sketch([10] * 100 + [100] * 50, HalfLife(1e15, 50))
    assert by_values.share(bin_of(10)) == pytest.approx(0.5 * 0.75 / (0.5 + 0.375), rel=0.01)


def test_weights_do_not_overflow() -> None:
    made = sketch([100] * 3_000, HalfLife(1_000, 10), step_ms=100_000)
    assert 0.9 < made.evidence(3_000 * 100_000, HalfLife(1e15, 1)) < 20


def test_few_values_lean_on_those_behind_and_many_do_not() -> None:
    behind = sketch([1_000] * 500)
    few, many = sketch([10] * 2), sketch([10] * 500)
    for front, expected, place in ((few, 1_000, 0), (many, 10, 1)):
        parts = mixed([(behind, 8.0), (front, 8.0)], DEFAULT, 0, LASTING)
        assert sum(share for share, *_ in parts) == pytest.approx(1.0)
        assert middle(quantile(parts, 0.5)) == pytest.approx(expected, rel=0.03)
        assert rests_on(parts)[0] == place


def test_nothing_leans_on_the_default() -> None:
    parts = mixed([(Sketch(0), 8.0)], DEFAULT, 0, LASTING)
    assert quantile(parts, 0.9) == bin_of(500)
    assert rests_on(parts) == (-1, 0.0)


@given(st.lists(st.booleans(), max_size=2_000))
def test_the_level_stays_within_its_bounds(covered: list[bool]) -> None:
    offset = 0.0
    for each in covered:
        offset = moved(offset, each, 0.9, 0.05)
        assert LOWEST_LEVEL - 1e-9 <= 0.9 + offset <= HIGHEST_LEVEL + 1e-9


def test_nine_covered_and_one_not_leave_the_level_where_it_was() -> None:
    offset = 0.0
    for index in range(1_000):
        offset = moved(offset, index % 10 > 0, 0.9, 0.005)
    assert offset == pytest.approx(0.0, abs=1e-9)
    assert stretch(0.95) == 1.0
    assert stretch(1.1) == pytest.approx(2.0)


def test_priors_trust_a_level_that_tells_and_not_one_that_does_not() -> None:
    telling, noise = Priors(), Priors()
    for index in range(400):
        within = index % 2 == 0
        # The finer key says for certain what the coarser one gives even odds.
        telling.learn([(1_000.0, 0.5), (10.0, 1.0 if within else 0.0)], 0.5, within)
        # The finer key contradicts what comes.
        noise.learn([(1_000.0, 0.5), (10.0, 1.0 if index % 3 else 0.0)], 0.5, within)
    assert telling.strengths[1] == STRENGTHS[0]
    assert noise.strengths[1] == STRENGTHS[-1]
    assert Priors(telling.scores).strengths == telling.strengths
    with pytest.raises(ValueError, match="scores"):
        Priors([[0.0]])


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**7), st.integers(0, 2**32 - 1))
def test_the_keys_of_a_leaf_go_from_coarse_to_fine(system: int, prompt: int, limit: int) -> None:
    leaf = leaf_of(Route("acme", "llama", 1, system, 0, limit), prompt)
    keys = [*route_keys(leaf[:6]), *prompt_keys(leaf[:6], leaf.prompt)]
    assert len(keys) == len(LEVELS) == len(set(keys))
    assert all(is_key(key) for key in keys)
    coarse = [coarseness(key) for key in keys]
    assert coarse == sorted(coarse, reverse=True)
    assert all(0 <= shard_of(key, 32) < 32 for key in keys)


def test_what_is_no_key_is_told() -> None:
    assert not any(is_key(key) for key in ((), ("a", "b"), ("a", 1, 1), (1,), ("a", "b", "c"), tuple("abcdefgh")))


def test_shards_are_the_same_in_every_process() -> None:
    assert [shard_of(("llama", "acme", number), 32) for number in range(4)] == [
        shard_of(("llama", "acme", number), 32) for number in range(4)
    ]
