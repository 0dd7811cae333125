"""Budgets grow with what they are made of."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.request_pb2 import Facts
from tokenlane_classifier.budget import Budget, output_tokens, prompt_tokens
from tokenlane_classifier.ratio import HIGHEST, LOWEST

UINT32 = st.integers(0, 2**32 - 1)
RATIO = st.floats(LOWEST, HIGHEST)


@given(st.integers(0, 2**26), st.integers(0, 2**26), RATIO)
def test_more_bytes_never_make_fewer_tokens(one: int, other: int, ratio: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= prompt_tokens(low, ratio) <= prompt_tokens(high, ratio)


@given(st.integers(0, 2**26), RATIO, RATIO)
def test_a_smaller_ratio_never_makes_fewer_tokens(size: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert prompt_tokens(size, low) >= prompt_tokens(size, high)


@given(UINT32, UINT32, UINT32)
def test_a_higher_limit_never_makes_a_smaller_output(one: int, other: int, choices: int) -> None:
    low, high = sorted((one, other))
    bounds = [output_tokens(Facts(max_output_tokens=limit, choices=choices), 512) for limit in (low, high)]
    assert 0 <= bounds[0] <= bounds[1] < 2**32


@given(UINT32, st.integers(1, 128))
def test_every_choice_counts(limit: int, choices: int) -> None:
    assert output_tokens(Facts(max_output_tokens=limit, choices=choices), 512) == min(limit * choices, 2**32 - 1)


def test_without_a_limit_the_default_is_the_bound_of_each_choice() -> None:
    assert output_tokens(Facts(), 512) == 512
    assert output_tokens(Facts(choices=3), 512) == 1_536


def test_the_total_is_prompt_and_output() -> None:
    assert Budget(prompt_tokens(4_481, 4.0), 100).total == 1_221
