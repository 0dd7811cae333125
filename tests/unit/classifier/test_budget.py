"""Budgets grow with what they are made of."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.request_pb2 import Facts
from tokenlane_classifier.budget import Budget, over_choices

UINT32 = st.integers(0, 2**32 - 1)


@given(UINT32, UINT32, UINT32, UINT32)
def test_a_higher_limit_never_makes_a_smaller_output(one: int, other: int, choices: int, each: int) -> None:
    low, high = sorted((one, other))
    bounds = [over_choices(Facts(max_output_tokens=limit, choices=choices), each) for limit in (low, high)]
    assert 0 <= bounds[0] <= bounds[1] < 2**32


@given(UINT32, UINT32, st.integers(1, 128))
def test_every_choice_counts_up_to_its_limit(limit: int, each: int, choices: int) -> None:
    found = over_choices(Facts(max_output_tokens=limit, choices=choices), each)
    assert found == min(min(limit, each) * choices, 2**32 - 1)


def test_without_a_limit_the_estimate_stands() -> None:
    assert over_choices(Facts(), 512) == 512
    assert over_choices(Facts(choices=3), 512) == 1_536


@given(UINT32, UINT32)
def test_the_total_is_prompt_and_output(prompt: int, output: int) -> None:
    assert Budget(prompt, output).total == min(prompt + output, 2**32 - 1)
