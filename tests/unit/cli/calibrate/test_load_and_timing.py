"""Which load, and what time a step took under it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.calibrate.load import DECODE_TOKENS, Load, Room, loads
from tokenlane_cli.calibrate.prompts import Counted, Prompts, counted
from tokenlane_cli.calibrate.stream import Streamed
from tokenlane_cli.calibrate.timing import Timing, batches, decode_timing, prefill_timing

ROOMS = st.builds(
    Room, max_model_len=st.integers(256, 131_072), kv_tokens=st.integers(256, 2_000_000), streams=st.integers(1, 512)
)


@given(ROOMS)
def test_no_load_is_more_than_the_engine_holds(room: Room) -> None:
    for load in loads(room):
        assert load.prompt_tokens + load.output_tokens < min(room.max_model_len, room.kv_tokens)
        assert load.streams == 1 or load.streams * (load.prompt_tokens + load.output_tokens) <= room.kv_tokens
        assert load.streams <= room.streams


@given(ROOMS)
def test_there_is_both_to_time_and_no_load_twice(room: Room) -> None:
    found = loads(room)
    assert len(set(found)) == len(found)
    assert {load.is_prefill for load in found} == {True, False}


def test_a_third_of_a_round_has_seen_the_range() -> None:
    found = loads(Room(8192, 100_000, 64))
    third = found[: len(found) // 3]
    assert min(load.streams for load in third) == 1
    assert max(load.streams for load in third) >= 16
    assert max(load.prompt_tokens for load in third) >= 4000


def streamed(first: float, gap: float, tokens: int, prompt: int = 100, at_once: int = 1) -> Streamed:
    """Tokens `gap` apart, `at_once` of them in one event."""
    events = tuple(first + gap * at_once * number for number in range(tokens // at_once))
    return Streamed(began=0.0, events=events, prompt_tokens=prompt, output_tokens=tokens)


DECODE = Load(3, 100, DECODE_TOKENS)


def test_the_gap_between_tokens_is_the_step() -> None:
    timing = decode_timing(DECODE, [streamed(first, 0.02, 40) for first in (0.1, 0.2, 0.3)])
    assert timing is not None
    assert timing.seconds == pytest.approx(0.02)
    assert 110 <= timing.context <= 140


def test_tokens_that_come_together_count_as_what_they_are() -> None:
    timing = decode_timing(DECODE, [streamed(0.1, 0.02, 40, at_once=2)] * 3)
    assert timing is not None
    assert timing.seconds == pytest.approx(0.02)


def test_a_hiccup_does_not_count() -> None:
    calm = streamed(0.1, 0.02, 40)
    late = tuple(at + (0.5 if number > 20 else 0.0) for number, at in enumerate(calm.events))
    timing = decode_timing(DECODE, [Streamed(0.0, late, 100, 40)] * 3)
    assert timing is not None
    assert timing.seconds == pytest.approx(0.02)


def test_streams_that_never_ran_together_give_nothing() -> None:
    assert decode_timing(DECODE, [streamed(0.1, 0.02, 40), streamed(5.0, 0.02, 40), streamed(0.1, 0.02, 40)]) is None
    assert decode_timing(DECODE, [streamed(0.1, 0.02, 40), Streamed(0.0, (), 100, 0), streamed(0.1, 0.02, 40)]) is None


def test_a_first_token_is_a_prefill_and_a_request() -> None:
    timing = prefill_timing(Load(1, 1000, 1), streamed(0.3, 0, 1, prompt=1003))
    assert timing == Timing(Load(1, 1000, 1), 1003, 0.3)
    assert [batch.prefill_tokens for batch in batches(timing, 512)] == [512, 491]
    assert prefill_timing(Load(1, 1000, 1), Streamed(0.0, (), 1000, 0)) is None


def test_a_decode_step_reads_every_context() -> None:
    (batch,) = batches(Timing(DECODE, 120, 0.02), 512)
    assert (batch.decode_seqs, batch.num_seqs, batch.context_tokens, batch.prefill_tokens) == (3, 3, 360, 0)


def test_prompts_have_the_wanted_length_and_begin_differently() -> None:
    import random

    prompts = Prompts(random.Random(1))
    made = [prompts.of_tokens(300, counted(200, 300)) for _ in range(50)]
    assert all(len(prompt.split()) == 200 for prompt in made)
    assert len({prompt[:60] for prompt in made}) == 50
    assert prompts.of_tokens(1, Counted(10.0))
