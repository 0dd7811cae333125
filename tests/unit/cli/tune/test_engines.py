"""Engine settings keep what they promise, whatever comes to a lane."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.tune.made import engine
from tokenlane_cli.tune.engines import LaneLoad, advise
from tokenlane_cli.tune.tally import Tally
from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.hardware.engine_settings import engine_settings
from tokenlane_fleet.outcome import Batch

SLOW = engine(cost=StepCost(0.02, 0, 1e-4, 1e-4, 1e-7, 0))


def load(lengths: list[int], boundary: int | None = None, elastic: bool = True) -> LaneLoad:
    total = Tally()
    for length in lengths:
        total.add(length)
    return LaneLoad("short" if boundary else "long", boundary, total, elastic)


@given(
    st.lists(st.integers(2, 100_000), min_size=1, max_size=50),
    st.floats(0.001, 1),
    st.sampled_from((None, 512, 8192)),
    st.booleans(),
    st.integers(4_096, 200_000),
)
def test_the_engine_starts_and_keeps_the_time_a_token(
    lengths: list[int], tpot_s: float, boundary: int | None, elastic: bool, kv_tokens: int
) -> None:
    hardware = engine(kv_tokens=kv_tokens // 16 * 16, max_model_len=4_096)
    told = advise(load(lengths, boundary, elastic), hardware, tpot_s)
    limits = told.limits(hardware)
    assert limits.max_num_seqs <= limits.max_num_batched_tokens
    assert str(limits.max_num_seqs) in told.flags
    assert [reason.setting for reason in told.reasons] == [
        "max_model_len", "max_num_seqs", "max_num_batched_tokens", "long_prefill_token_threshold",
    ]  # fmt: skip
    chunk = limits.max_num_batched_tokens
    if chunk > 512:
        assert hardware.cost.seconds(Batch(chunk, 0, 1, chunk, chunk * (chunk + 1) // 2)) <= tpot_s


def test_memory_or_time_bounds_the_sequences() -> None:
    by_memory = advise(load([4_000] * 9), engine(kv_tokens=64_000, max_model_len=8_192), 1.0)
    assert by_memory.max_num_seqs == 16
    assert "holds so many of 4," in by_memory.reasons[1].why
    by_time = advise(load([100] * 9), SLOW, 0.03)
    assert by_time.max_num_seqs < 100
    assert "more would be over 30.0 ms a token" in by_time.reasons[1].why


def test_a_tighter_time_a_token_means_smaller_steps() -> None:
    steps = [advise(load([1_000]), SLOW, tpot_s).max_num_batched_tokens for tpot_s in (0.05, 0.2, 0.5)]
    assert steps == sorted(steps)
    assert len(set(steps)) == 3


def test_only_strict_lanes_shorten_the_context() -> None:
    lengths = [1_000] * 999 + [60_000]
    assert advise(load(lengths, 2_048), engine(), 0.1).max_model_len == engine().max_model_len
    strict = advise(load(lengths[:-1], 2_048, elastic=False), engine(), 0.1)
    assert strict.max_model_len == math.ceil(2_048 * 1.25 / 1024) * 1024
    assert "moves on" in strict.reasons[0].why


@pytest.mark.parametrize(("longest", "cut"), [(3_000, False), (60_000, True)])
def test_long_prompts_leave_room_in_a_step(longest: int, cut: bool) -> None:
    told = advise(load([500] * 80 + [longest] * 20), engine(), 0.1)
    assert (told.long_prefill_token_threshold > 0) is cut


def test_steps_and_cuts_are_those_that_workers_choose() -> None:
    chosen = engine_settings(engine(), 0.1)
    told = advise(load([500] * 80 + [60_000] * 20), engine(), 0.1)
    assert told.max_num_batched_tokens == chosen.max_num_batched_tokens.value
    assert told.long_prefill_token_threshold == chosen.long_prefill_token_threshold.value
    assert told.reasons[2].why == chosen.max_num_batched_tokens.why
    assert chosen.long_prefill_token_threshold.why in told.reasons[3].why
