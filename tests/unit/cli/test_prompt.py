"""Bodies of a wanted length."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.replay.prompt import Bodies, Calibration, calibration, cap
from tokenlane_cli.traces.arrivals import Arrival


def test_a_body_is_a_streamed_chat_request() -> None:
    body = json.loads(Bodies('a "model"', seed=1).of_size(1000, 50))
    assert body["model"] == 'a "model"'
    assert len(body["messages"][0]["content"]) == 1000
    assert (body["max_tokens"], body["stream"], body["ignore_eos"]) == (50, True, True)
    assert body["stream_options"] == {"include_usage": True}


def test_bodies_longer_than_the_filler() -> None:
    assert len(json.loads(Bodies("m", seed=1).of_size(500_000, 1))["messages"][0]["content"]) == 500_000


def test_bodies_begin_differently_and_repeat_with_their_seed() -> None:
    first, second = Bodies("m", seed=1), Bodies("m", seed=1)
    made = [first.of_size(64, 1) for _ in range(20)]
    assert made == [second.of_size(64, 1) for _ in range(20)]
    assert len(set(made)) == 20


def test_two_requests_tell_how_a_model_counts() -> None:
    counts = calibration((400, 13 + 80), (2400, 13 + 480))
    assert counts.bytes_per_token == pytest.approx(5)
    assert counts.overhead_tokens == pytest.approx(13)
    body = json.loads(Bodies("m", 1).for_tokens(113, 5, counts))
    assert len(body["messages"][0]["content"]) == 500


def test_a_prompt_shorter_than_its_overhead_is_as_short_as_can_be() -> None:
    body = json.loads(Bodies("m", 1).for_tokens(3, 5, Calibration(10, 4)))
    assert len(body["messages"][0]["content"]) == 1


def test_a_request_that_fits_is_not_touched() -> None:
    arrival = Arrival(1.5, 100, 100)
    assert cap(arrival, 2048) is arrival


@given(prompt=st.integers(1, 100_000), output=st.integers(1, 100_000), context=st.integers(64, 32_768))
def test_capped_requests_fit_with_room_for_the_estimates_error(prompt: int, output: int, context: int) -> None:
    capped = cap(Arrival(0.0, prompt, output), context)
    assert 1 <= capped.prompt_tokens <= prompt
    assert 1 <= capped.output_tokens <= output
    assert capped.prompt_tokens + capped.output_tokens <= 0.97 * context
