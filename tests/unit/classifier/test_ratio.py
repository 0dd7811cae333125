"""The learned bytes a token takes."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.category import Category
from tokenlane_classifier.ratio import COLD_START, HIGHEST, LOWEST, Ratio, Ratios

BETA = 0.95
GAMMA = 0.5


def after(ratios: list[float]) -> Ratio:
    estimate = Ratio()
    for ratio in ratios:
        estimate = estimate.observed(ratio, BETA)
    return estimate


@pytest.mark.parametrize("true_ratio", [4.48, 3.52, 2.01])
@pytest.mark.parametrize("seed", range(40))
def test_fifty_answers_come_within_three_per_cent(true_ratio: float, seed: int) -> None:
    chance = random.Random(seed)
    estimate = after([true_ratio * chance.uniform(0.92, 1.08) for _ in range(50)])
    assert estimate.mean == pytest.approx(true_ratio, rel=0.03)
    assert estimate.deviation == pytest.approx(0.04 * true_ratio, rel=0.5)
    assert estimate.cautious(GAMMA) < estimate.mean


def test_the_cold_start_is_forgotten_with_the_first_answer() -> None:
    assert Ratio().cautious(GAMMA) == COLD_START
    assert after([2.0]).mean == 2.0


def test_a_change_is_followed() -> None:
    assert after([4.0] * 200 + [2.0] * 100).mean == pytest.approx(2.0, rel=0.03)


@given(st.lists(st.floats(), max_size=60), st.floats(0, 10))
def test_whatever_is_observed_the_ratio_stays_within_its_bounds(ratios: list[float], gamma: float) -> None:
    estimate = after(ratios)
    assert LOWEST <= estimate.cautious(gamma) <= HIGHEST
    assert math.isfinite(estimate.mean)
    assert estimate.deviation >= 0


@given(st.lists(st.floats(0.2, 20), min_size=1, max_size=60))
def test_the_mean_stays_between_what_was_seen(ratios: list[float]) -> None:
    assert min(ratios) - 1e-9 <= after(ratios).mean <= max(ratios) + 1e-9


def test_models_and_kinds_of_text_are_learned_apart() -> None:
    ratios = Ratios().observed("a", Category.CJK, 2.0, BETA)
    assert ratios.of("a", Category.CJK).mean == 2.0
    assert ratios.of("a", Category.LATIN).mean == COLD_START
    assert ratios.of("b", Category.CJK).mean == COLD_START
    assert Ratios().of("a", Category.CJK).mean == COLD_START
