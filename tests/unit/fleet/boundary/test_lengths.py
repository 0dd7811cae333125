"""The joint histogram: exact sums, fading, merging, bounded memory."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleet.boundary.traffics import alike, chat
from tokenlane_fleet.boundary import Lengths, RecentLengths
from tokenlane_fleet.boundary.buckets import bucket, upper
from tokenlane_proto.subjects import bucket_tokens

SEEN = st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 9_000), st.floats(0, 5_000)), min_size=1, max_size=60)


@given(st.integers(1, 2**24))
def test_buckets_are_those_of_the_subjects(tokens: int) -> None:
    assert upper(bucket(tokens)) == bucket_tokens(tokens)
    assert bucket(upper(bucket(tokens))) == bucket(tokens)
    assert upper(bucket(tokens) + 1) > upper(bucket(tokens)) >= tokens


@given(SEEN)
def test_sums_are_exact_and_the_order_of_observations_does_not_matter(seen: list[tuple[int, int, float]]) -> None:
    one, other = Lengths(600), Lengths(600)
    for prompt, output, at in seen:
        one.observe(prompt, output, at)
    for prompt, output, at in reversed(seen):
        other.observe(prompt, output, at)
    now = max(at for _, _, at in seen)
    weights = [2 ** ((at - now) / 600) for _, _, at in seen]
    expected = sum(weight * prompt for weight, (prompt, _, _) in zip(weights, seen, strict=True))
    for lengths in (one, other):
        assert lengths.weight() == pytest.approx(sum(weights))
        assert sum(cell.prompt_tokens for cell in lengths.cells()) == pytest.approx(expected)


@given(SEEN, st.integers(0, 60))
def test_merging_halves_is_observing_the_whole(seen: list[tuple[int, int, float]], cut: int) -> None:
    whole, left, right = Lengths(600), Lengths(600), Lengths(600)
    for number, (prompt, output, at) in enumerate(seen):
        whole.observe(prompt, output, at)
        (left if number < cut else right).observe(prompt, output, at)
    left.merge(right)
    merged, all_of = left.traffic(6_000).slices, whole.traffic(6_000).slices
    assert [tuple(part) for part in merged] == [pytest.approx(tuple(part)) for part in all_of]
    assert left.rate(6_000) == pytest.approx(whole.rate(6_000))


def test_what_fades_differently_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="half-lives"):
        Lengths(60).merge(Lengths(61))
    with pytest.raises(ValueError, match="positive"):
        Lengths(0)


def test_yesterday_fades() -> None:
    lengths = Lengths(60)
    for at in range(1_000):
        lengths.observe(1_000, 200, float(at))
    for at in range(1_000, 1_600):
        lengths.observe(20_000, 200, float(at))
    assert lengths.traffic().share_below(2_000) == pytest.approx(2**-10, rel=0.1)


@pytest.mark.parametrize("half_life", [15.0, 600.0, math.inf])
def test_the_rate_is_that_of_the_requests_from_the_start_on(half_life: float) -> None:
    lengths = Lengths(half_life)
    for number in range(4_000):
        lengths.observe(100, 10, number / 20)
        if number in (400, 3_999):
            assert lengths.rate() == pytest.approx(20, rel=0.03)


def test_memory_is_bounded_and_what_has_faded_is_dropped() -> None:
    rng = random.Random(1)
    lengths = Lengths(10)
    for number in range(40_000):
        lengths.observe(rng.randint(1, 10**6), rng.randint(1, 10**4), number / 10)
    assert len(list(lengths.cells())) < 3_000
    for number in range(10_000):
        lengths.observe(1_000, 100, 4_000 + number)
    assert len(list(lengths.cells())) == 1


def test_a_change_is_seen_in_seconds_and_steady_traffic_over_longer() -> None:
    rng, recent = random.Random(1), RecentLengths()
    for number, (prompt, output) in enumerate(chat(20_000, rng)):
        recent.observe(prompt, output, number / 20)
    assert recent.traffic(1_000, 200).weight > 5_000
    for number, (prompt, output) in enumerate(alike(1_200, rng)):
        recent.observe(prompt, output, 1_000 + number / 20)
    seen = recent.traffic(1_060, 200)
    assert seen.weight < 2_000
    assert seen.share_below(1_408) - seen.share_below(1_024) > 0.9


def test_thin_traffic_is_taken_from_as_far_back_as_there_is() -> None:
    recent = RecentLengths()
    for number in range(100):
        recent.observe(1_000, 100, number * 10.0)
    assert recent.traffic(1_000, 200).weight == pytest.approx(70, abs=5)
