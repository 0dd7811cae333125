"""The regression is the textbook's, and forgets."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlane_classifier.estimate.regression import Moments, total

_numbers = st.floats(-100, 100).map(lambda value: round(value, 3))
_rows = st.lists(st.tuples(_numbers, _numbers, _numbers, _numbers), max_size=12)


def taught(rows: Sequence[tuple[float, ...]], forgetting: float = 1.0) -> Moments:
    moments = Moments(3)
    for *x, y in rows:
        moments.add(x, y, 1.0, forgetting)
    return moments


@settings(deadline=None, max_examples=60)
@given(_rows, st.tuples(_numbers, _numbers, _numbers))
def test_it_is_ridge_regression_around_the_prior(
    rows: list[tuple[float, float, float, float]], prior: tuple[float, float, float]
) -> None:
    x, y = np.array([row[:3] for row in rows]).reshape(-1, 3), np.array([row[3] for row in rows])
    expected = np.linalg.solve(x.T @ x + 0.5 * np.eye(3), x.T @ y + 0.5 * np.array(prior))
    assert taught(rows).solved(prior, 0.5) == pytest.approx(expected.tolist(), rel=1e-6, abs=1e-6)


def test_what_was_never_seen_keeps_its_prior() -> None:
    weights = taught([(1.0, 0.0, 2.0, 5.0)]).solved((0.1, 7.0, 0.2), 1e-3)
    assert weights[1] == 7.0


def test_the_past_fades() -> None:
    moments = taught([(1.0, 0.0, 0.0, 10.0)] * 50 + [(1.0, 0.0, 0.0, 20.0)] * 50, 0.5 ** (1 / 10))
    assert moments.solved((0.0, 0.0, 0.0), 1e-9)[0] == pytest.approx(20.0, rel=0.05)


def test_a_long_life_does_not_overflow() -> None:
    rng = random.Random(1)
    moments = Moments(3)
    for _ in range(5_000):
        x = (rng.random(), rng.random(), rng.random())
        moments.add(x, 2 * x[0] + 3 * x[1] + x[2], 1.0, 0.97)
    assert moments.growth <= 1e6
    assert moments.solved((0.0, 0.0, 0.0), 1e-6) == pytest.approx([2.0, 3.0, 1.0], rel=1e-3)


def test_a_sum_knows_what_its_parts_know() -> None:
    rows = [(1.0, 2.0, 0.5, 4.0), (0.0, 1.0, 3.0, 2.0), (2.0, 0.0, 1.0, 1.0)]
    together = total([taught(rows[:1]), taught(rows[1:])], 3)
    prior = (0.0, 0.0, 0.0)
    assert together.solved(prior, 0.1) == pytest.approx(taught(rows).solved(prior, 0.1))
