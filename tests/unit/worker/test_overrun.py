"""When the end of an answer is the end of its engine's context, and what a request goes on with."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.worker.answers import HeardSink
from tests.unit.worker.chunks import DONE, ROLE, USAGE, delta, text
from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_proto import events
from tokenlane_worker import at_length, credit, overrun
from tokenlane_worker.at_length import LengthHeld
from tokenlane_worker.credit import Capacity, Cost
from tokenlane_worker.overrun import Tokens

CHAT, COMPLETIONS = Endpoint.ENDPOINT_CHAT_COMPLETIONS, Endpoint.ENDPOINT_COMPLETIONS
LENGTH = delta("ow", "length")
SIZES = st.integers(1, 5000)


def kept_back(whole: bytes, cuts: list[int]) -> tuple[bytes, bytes]:
    """What is passed on and what is kept back of a stream that comes in chunks of whole events."""
    heard, chunks = HeardSink(), events.split(whole)
    held = LengthHeld(heard)
    held.head(200, "text/event-stream")
    starts = sorted({0, *(cut % len(chunks) for cut in cuts)})
    for start, end in zip(starts, [*starts[1:], len(chunks)], strict=True):
        held.data(b"".join(chunks[start:end]))
    assert heard.heads == [(200, "text/event-stream")]
    passed, ending = heard.body, held.ending
    held.release()
    assert (heard.body, held.ending) == (whole, b"")
    return passed, ending


@given(st.lists(st.integers(0, 9)), st.sampled_from([DONE, USAGE + DONE]))
def test_an_end_at_length_is_kept_back_however_it_comes(cuts: list[int], rest: bytes) -> None:
    words = ROLE + delta("a") + delta('"length"') + delta("b", tool='{"length": 1}')
    assert kept_back(words + LENGTH + rest, cuts) == (words, LENGTH + rest)
    assert kept_back(words + text("c", "length") + rest, cuts) == (words, text("c", "length") + rest)


@given(st.lists(st.integers(0, 9)))
def test_nothing_else_is_kept_back(cuts: list[int]) -> None:
    for whole in (
        ROLE + delta("a") + delta("b", "stop") + USAGE + DONE,
        ROLE + delta("a", logprobs={"content": [{"token": "length"}]}) + delta("b", "stop") + DONE,
        b': "length"\n\n' + ROLE + b'data: "length"\n\n' + DONE,
    ):
        assert kept_back(whole, cuts) == (whole, b"")


@given(st.lists(st.integers(0, 9)))
def test_a_choice_that_goes_on_behind_the_end_of_another_is_shown(cuts: list[int]) -> None:
    whole = ROLE + delta("a", "length") + delta("b", index=1) + delta("c", "length", index=1) + DONE
    assert kept_back(whole, cuts) == (whole, b"")


def test_a_body_that_is_no_stream_passes() -> None:
    heard = HeardSink()
    LengthHeld(heard).data(b'{"finish_reason":"length"}')
    assert heard.body == b'{"finish_reason":"length"}'


@pytest.mark.parametrize(
    ("endpoint", "fields", "limit"),
    [
        (CHAT, {}, None),
        (CHAT, {"max_tokens": 5}, 5),
        (CHAT, {"max_tokens": 5, "max_completion_tokens": 7}, 7),
        (CHAT, {"max_tokens": None}, None),
        (COMPLETIONS, {}, 16),
        (COMPLETIONS, {"max_tokens": 5}, 5),
        (CHAT, {"max_tokens": "many"}, None),
    ],
)
def test_the_limit_is_the_one_the_engine_keeps(endpoint: Endpoint, fields: dict[str, object], limit: int) -> None:
    assert overrun.limit_of(endpoint, json.dumps(fields).encode()) == limit


@pytest.mark.parametrize(
    ("context", "limit", "took", "full"),
    [
        (100, None, Tokens(40, 60), True),
        # A server's own limit.
        (100, None, Tokens(40, 32), False),
        (100, 60, Tokens(40, 60), False),
        (100, 61, Tokens(40, 60), True),
        # Of several choices each has its own context, and what is counted is the sum.
        (100, 50, Tokens(40, 100, choices=2), False),
        (100, 90, Tokens(40, 70, choices=2), True),
        (1000, None, Tokens(200, 600, exact=False), True),
        (1000, None, Tokens(200, 500, exact=False), False),
        (1000, 600, Tokens(200, 600, exact=False), False),
    ],
)
def test_a_full_context_is_told_from_a_reached_limit(context: int, limit: int | None, took: Tokens, full: bool) -> None:
    assert overrun.fills(context, limit, took) is full


@given(SIZES, SIZES, st.none() | SIZES, SIZES, SIZES, st.integers(1, 4))
def test_a_budget_is_what_the_longer_context_can_hold(
    prompt: int, output: int, limit: int | None, before: int, more: int, choices: int
) -> None:
    context = prompt + output + more
    took = Tokens(prompt, output, choices)
    told, budget = overrun.budget_behind(took, limit, before, context)
    assert told == prompt
    assert 1 <= budget <= (context - prompt) * choices
    if limit is not None:
        assert budget <= limit * choices
    elif 2 * output <= context - prompt:
        assert budget >= 2 * output


@given(st.integers(0, 10_000), st.integers(0, 100_000))
def test_marks_double_from_the_budget(budget: int, shown: int) -> None:
    mark = overrun.next_mark(budget, shown)
    assert mark > shown
    assert mark == max(1, budget) or mark <= 2 * shown


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"choices":[{"finish_reason":"length"}]}', b'"length"'])
def test_an_answer_that_does_not_say_what_it_took_is_left_alone(body: bytes) -> None:
    assert at_length.whole_at_length(body, 1) is None


def test_a_whole_answer_says_why_it_ended() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    stopped = {"choices": [{"finish_reason": "stop", "message": {"content": "length"}}], "usage": usage}
    cut = {"choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}], "usage": usage}
    assert at_length.whole_at_length(json.dumps(stopped).encode(), 1) is None
    assert at_length.whole_at_length(json.dumps(cut).encode(), 2) == Tokens(3, 5, 2)


@given(SIZES, SIZES, st.integers(1, 4))
def test_a_cost_grows_and_never_shrinks(before: int, tokens: int, sequences: int) -> None:
    capacity = Capacity(tokens=10_000, sequences=8, largest=1_000)
    grown = credit.grown(Cost(before, sequences), tokens, capacity)
    assert before <= grown.tokens <= max(before, sequences * capacity.largest)
    assert grown.sequences == sequences
