"""What is done about an answer of which a part was shown."""

from typing import Any

import pytest

from tests.unit.worker.chunks import DONE, ROLE, USAGE, delta, event, text
from tests.unit.worker.resuming import known_of
from tests.unit.worker.simulated import chat, completion
from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_worker.resume.plan import (
    Continue,
    Finished,
    Impossible,
    Plan,
    Regenerate,
    Restart,
    plan,
)

CHAT, COMPLETION = Endpoint.ENDPOINT_CHAT_COMPLETIONS, Endpoint.ENDPOINT_COMPLETIONS
TOOLS = [{"type": "function", "function": {"name": "look"}}]


SHOWN = [ROLE, delta("Hello"), delta(" there")]


def planned(shown: list[bytes], endpoint: Endpoint = CHAT, **fields: Any) -> Plan:
    body = (chat if endpoint == CHAT else completion)(stream=True, **fields)
    return plan(endpoint, body, known_of(b"".join(shown), len(shown)))


def test_an_answer_of_which_nothing_is_known_is_begun_anew() -> None:
    assert planned([]) == Restart()


def test_text_is_continued() -> None:
    assert planned(SHOWN) == Continue("Hello there", 2)
    assert planned([text("Hello"), text(" there")], COMPLETION) == Continue("Hello there", 2)
    assert planned([ROLE, b": still here\n\n", delta("Hello")]) == Continue("Hello", 1)


@pytest.mark.parametrize("fields", [{}, {"n": 2}, {"tools": TOOLS}, {"logprobs": True}])
def test_an_answer_that_only_said_who_speaks_is_begun_anew_behind_that(fields: dict[str, Any]) -> None:
    assert planned([ROLE], **fields) == Continue("", 0)


@pytest.mark.parametrize(
    ("pieces", "going"),
    [
        (["Hello", " there"], Continue("Hello", 1, " there", 1)),
        (["Hel", "lo", " the", "re"], Continue("Hello", 2, " there", 2)),
        (["Hello", " ", "\n"], Continue("Hello", 1, " \n", 2)),
        (["Hello the", "re, you"], Continue("Hello there,", 1, " you", 1)),
        (["Hello"], Continue("", 0, "Hello", 1)),
        (["\n\n", "Hello"], Continue("", 0, "\n\nHello", 2)),
        (["世", "界"], Continue("", 0, "世界", 2)),
        (["a ", "x" * 100], Continue("a " + "x" * 100, 2)),
    ],
)
def test_an_engine_that_says_the_same_again_goes_on_from_the_end_of_a_word(pieces: list[str], going: Continue) -> None:
    shown = [ROLE, *map(delta, pieces)]
    assert planned(shown, temperature=0) == going
    assert planned(shown, temperature=0.5, stop=["x"]) == going
    assert planned(shown, temperature=0.5) == going.whole() == Continue("".join(pieces), len(pieces))


def test_parts_of_a_character_that_come_again_are_not_counted() -> None:
    assert planned([*SHOWN, delta(""), delta("")]) == Continue("Hello there", 2)
    assert planned([ROLE, delta(""), delta("ä"), delta("")]) == Continue("ä", 1)


NOTHING_SPECIAL: list[dict[str, Any]] = [
    {"temperature": 0.7, "top_p": 0.9, "seed": None, "stop": ["x"], "max_tokens": 5, "user": "u"},
    {"n": 1, "logprobs": False, "top_logprobs": None, "presence_penalty": 0, "frequency_penalty": 0.0},
    {"tools": TOOLS, "tool_choice": "none"},
    {"tools": [], "response_format": {"type": "text"}},
    {"stream_options": {"include_usage": True}, "repetition_penalty": 1.1},
    {"continue_final_message": True, "add_generation_prompt": False},
    {"structured_outputs": None, "something_new": None},
]


@pytest.mark.parametrize("fields", NOTHING_SPECIAL)
def test_what_asks_for_plain_text_is_continued(fields: dict[str, Any]) -> None:
    assert isinstance(planned(SHOWN, **fields), Continue)


SPECIAL: list[dict[str, Any]] = [
    {"n": 2},
    {"best_of": 2},
    {"tools": TOOLS},
    {"tools": TOOLS, "tool_choice": "required"},
    {"functions": [{"name": "look"}]},
    {"response_format": {"type": "json_object"}},
    {"structured_outputs": {"choice": ["a", "b"]}},
    {"guided_json": {}},
    {"logprobs": True},
    {"prompt_logprobs": 0},
    {"use_beam_search": True},
    {"echo": True},
    {"presence_penalty": 0.1},
    {"frequency_penalty": -1},
    {"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
    {"return_token_ids": True},
    {"truncate_prompt_tokens": 100},
    {"add_generation_prompt": False},
    {"bad_words": ["x"]},
    {"something_new": 1},
    {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
        "continue_final_message": True,
        "add_generation_prompt": False,
    },
]


@pytest.mark.parametrize("fields", SPECIAL)
def test_what_is_more_than_text_is_not_continued(fields: dict[str, Any]) -> None:
    assert isinstance(planned(SHOWN, **fields), Impossible)
    assert planned(SHOWN, **fields, temperature=0) == Regenerate()
    assert planned(SHOWN, **fields, seed=7) == Regenerate()


@pytest.mark.parametrize("fields", [{"logprobs": 0}, {"suffix": "end"}, {"echo": True}, {"prompt": ["a", "b"]}])
def test_completions_that_are_not_continued(fields: dict[str, Any]) -> None:
    assert isinstance(planned([text("Hello")], COMPLETION, **fields), Impossible)


@pytest.mark.parametrize(
    "shown",
    [
        [ROLE, delta(reasoning="Let me see")],
        [ROLE, delta(tool_calls=[{"index": 0, "function": {"name": "look"}}])],
        [ROLE, delta("a"), delta("b", index=1)],
        [ROLE, delta("<think>"), delta("Let me see")],
        [ROLE, event(choices=[{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": []}}])],
    ],
)
def test_an_answer_that_holds_more_than_text_is_not_continued(shown: list[bytes]) -> None:
    assert isinstance(planned(shown), Impossible)
    assert planned(shown, temperature=0) == Regenerate()


@pytest.mark.parametrize("shown", [[b"data: {\n\n"], [b'data: {"error":{"code":400}}\n\n'], [b"event: x\n\n"]])
def test_what_cannot_be_read_is_impossible(shown: list[bytes]) -> None:
    assert isinstance(planned(shown), Impossible)


def test_an_answer_that_is_over_needs_its_closing_events_at_most() -> None:
    end = delta("", "stop")
    assert planned([*SHOWN, end]) == Finished(DONE)
    assert planned([*SHOWN, end, USAGE]) == Finished(DONE)
    assert planned([*SHOWN, end, USAGE, DONE]) == Finished(b"")
    assert planned([*SHOWN, delta("!", "length")], temperature=0, logprobs=True) == Finished(DONE)


def test_an_answer_with_several_choices_is_over_when_all_are() -> None:
    ends = [delta("a", "stop"), delta("b", "stop", index=1)]
    assert planned([ROLE, ends[0]], n=2, seed=1) == Regenerate()
    assert planned([ROLE, *ends], n=2, seed=1) == Finished(DONE)
    assert isinstance(planned([text("a", "stop")], COMPLETION, prompt=["a", "b"]), Impossible)
    assert planned([text("a", "stop")], COMPLETION, prompt=[1, 2, 3]) == Finished(DONE)


def test_each_event_holds_a_token_or_more() -> None:
    going = Continue("Hello there", 2)
    assert [going.tokens(counted) for counted in (None, 1, 3)] == [2, 2, 3]
