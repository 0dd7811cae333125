"""Limits that cannot be, and step times and capacities computed by hand from the data sheets."""

from dataclasses import replace
from typing import Any

import pytest

from tokenlane_fleet import PROFILES, Batch, LimitsError, Scheduler, StepCost, UnknownProfileError, find_profile

INSTANT = find_profile("laptop-instant")
H100_8B = find_profile("h100-llama3-8b")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_blocks", 0),
        ("block_size", 0),
        ("max_num_seqs", 0),
        ("max_model_len", 0),
        ("max_num_batched_tokens", 255),
        ("long_prefill_token_threshold", -1),
        ("watermark", 1.0),
        ("max_model_len", 65_537),
    ],
)
def test_impossible_limits_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(LimitsError, match=name):
        replace(INSTANT.limits, **{name: value})


def test_one_block_is_reserved() -> None:
    limits = replace(INSTANT.limits, num_blocks=11, block_size=8, max_model_len=80)
    assert (limits.usable_blocks, limits.kv_capacity_tokens) == (10, 80)


def test_a_step_is_bound_by_weights_or_by_arithmetic() -> None:
    cost = StepCost(1.0, 10.0, 0.5, 0.25, 0.001, 0.0001)
    decode = Batch(prefill_tokens=0, decode_seqs=4, num_seqs=4, context_tokens=1000, attention_pairs=0)
    prefill = Batch(prefill_tokens=100, decode_seqs=0, num_seqs=1, context_tokens=100, attention_pairs=5050)
    assert cost.seconds(decode) == pytest.approx(1 + 10 + 1 + 1)
    assert cost.seconds(prefill) == pytest.approx(1 + 50 + 0.25 + 0.1 + 0.505)
    assert cost.seconds(Batch(0, 0, 0, 0, 0)) == 0


def test_the_derived_profile_follows_the_data_sheet() -> None:
    cost = H100_8B.cost
    assert cost.weights_s == pytest.approx(16.06e9 / (3.35e12 * 0.8))  # about 6.0 ms a decode step
    assert cost.per_token_s == pytest.approx(16.06e9 / (989e12 * 0.6))  # about 27 us a prompt token
    assert cost.per_context_token_s == pytest.approx(131_072 / (3.35e12 * 0.8))


def test_tensor_parallelism_divides_the_work_and_adds_latency() -> None:
    cost = find_profile("a100-llama3-70b-tp4").cost
    assert cost.weights_s == pytest.approx(141.2e9 / (4 * 2.039e12 * 0.8))
    assert cost.overhead_s == pytest.approx(0.002 + 160 * 15e-6)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_makes_an_engine(name: str) -> None:
    assert Scheduler(find_profile(name).limits).free_blocks > 0


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownProfileError, match="laptop-instant"):
        find_profile("abacus")
