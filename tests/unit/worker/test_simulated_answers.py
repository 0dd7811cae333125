"""How long an answer is, what it says, and which requests are refused."""

import json
import statistics
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.worker.simulated import CHAT, COMPLETIONS, MODEL, ask, chat, completion
from tokenlane_worker.engine.simulated.ask import read_ask
from tokenlane_worker.engine.simulated.plan import natural_length, output_limit, plan_choice


def text_and_tokens(body: bytes, **settings: Any) -> tuple[str, int, str]:
    answer = ask(body, **settings).json
    choice = answer["choices"][0]
    return choice["message"]["content"], answer["usage"]["completion_tokens"], choice["finish_reason"]


def streamed_text(body: bytes) -> str:
    return "".join(event["choices"][0]["delta"].get("content", "") for event in ask(body).events)


def test_the_same_body_gets_the_same_answer_from_any_engine() -> None:
    first, second = ask(chat(seed=1)), ask(chat(seed=1))
    assert first.json["choices"] == second.json["choices"]
    assert first.json["id"] != second.json["id"]
    assert ask(chat(seed=2)).json["choices"] != first.json["choices"]


def test_pieces_make_the_text() -> None:
    body = chat(stream=True, max_tokens=50, ignore_eos=True)
    asked = read_ask(CHAT, body, MODEL)
    plan = plan_choice(asked, 0, 50)
    assert streamed_text(body) == plan.text
    assert [json.loads(b'"' + piece + b'"') for piece in plan.escaped] == plan.pieces


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_ignore_eos_gives_exactly_max_tokens(limit: int) -> None:
    text, tokens, reason = text_and_tokens(chat(max_tokens=limit, ignore_eos=True))
    assert text.startswith("[simulated] ")
    assert (tokens, reason) == (limit, "length")


def test_without_ignore_eos_the_answer_ends_by_itself_or_at_max_tokens() -> None:
    natural = natural_length(int.from_bytes(read_ask(CHAT, chat(max_tokens=2000), MODEL).digest, "big"))
    assert text_and_tokens(chat(max_tokens=2000))[1:] == (natural, "stop")
    assert text_and_tokens(chat(max_tokens=1))[1:] == (1, "length")
    assert text_and_tokens(chat(max_completion_tokens=1))[1:] == (1, "length")


def test_min_tokens_lengthens() -> None:
    assert text_and_tokens(chat(min_tokens=3000))[1:] == (3000, "stop")


def test_lengths_are_geometric_around_128() -> None:
    lengths = [natural_length(seed * 0x9E3779B97F4A7C15F39CC0605CEDC834) for seed in range(1, 5000)]
    assert 120 < statistics.mean(lengths) < 136
    assert 80 < statistics.median(lengths) < 100
    assert min(lengths) >= 2


def test_a_completion_without_max_tokens_has_at_most_vllms_16() -> None:
    assert ask(completion(ignore_eos=True), COMPLETIONS).json["usage"]["completion_tokens"] == 16


def test_the_context_caps_an_answer_without_max_tokens() -> None:
    assert text_and_tokens(chat(ignore_eos=True), max_model_len=100)[1:] == (91, "length")


def test_text_longer_than_the_word_ring_goes_on() -> None:
    plan = plan_choice(read_ask(CHAT, chat(max_tokens=30_000, ignore_eos=True), MODEL), 0, 30_000)
    assert len(plan.pieces) == len(plan.escaped) == 30_000
    assert all(plan.pieces)


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_string_cuts_before_it(stream: bool) -> None:
    body = chat(max_tokens=40, ignore_eos=True, stream=stream, stop=["lated] "])
    sink = ask(body)
    choice = sink.events[-1]["choices"][0] if stream else sink.json["choices"][0]
    text = streamed_text(body) if stream else choice["message"]["content"]
    assert text == "[simu"
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", "lated] ")


@given(st.integers(0, 150), st.integers(1, 30))
def test_no_part_of_a_stop_string_is_shown(start: int, length: int) -> None:
    asked = read_ask(CHAT, chat(max_tokens=40, ignore_eos=True), MODEL)
    whole = plan_choice(asked, 0, 40)
    stop = whole.text[start : start + length]
    assume(stop)
    cut = plan_choice(replace(asked, stop=(stop,)), 0, 40)
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert stop in "".join(whole.pieces[: len(cut.pieces)])
    assert stop not in "".join(whole.pieces[: len(cut.pieces) - 1])
    assert (cut.finish_reason, cut.stop_reason) == ("stop", stop)


def test_the_stop_that_completes_first_wins_and_may_be_shown() -> None:
    text, tokens, _ = text_and_tokens(
        chat(max_tokens=9, ignore_eos=True, stop=["ted]", "mul"], include_stop_str_in_output=True)
    )
    assert (text, tokens) == ("[simul", 1)


def test_min_tokens_comes_before_stop_strings() -> None:
    text, tokens, _ = text_and_tokens(chat(max_tokens=9, min_tokens=3, ignore_eos=True, stop=["sim", " "]))
    assert "[simulated] " in text
    assert tokens > 3


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "max_tokens": st.integers(-1, 120),
    "max_completion_tokens": st.integers(1, 120),
    "min_tokens": st.integers(0, 120),
    "ignore_eos": st.booleans(),
    "n": st.integers(0, 3),
    "stop": st.lists(st.text(max_size=3), max_size=2),
    "include_stop_str_in_output": st.booleans(),
    "stream": st.booleans(),
    "logprobs": st.booleans(),
    "top_logprobs": st.integers(0, 3),
    "response_format": st.sampled_from([{"type": "json_object"}, {"type": "text"}]),
    "tool_choice": st.sampled_from(["none", "auto", "required"]),
    "tools": st.just([{"type": "function", "function": {"name": "f"}}]),
}


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=300), st.fixed_dictionaries({}, optional=FIELDS))
def test_every_body_gets_an_answer_or_a_refusal(content: str, fields: dict[str, Any]) -> None:
    sink = ask(chat(content, **fields), max_model_len=100)
    assert sink.status in (200, 400)
    if sink.status == 200:
        wanted = fields.get("max_completion_tokens", fields.get("max_tokens", 100))
        counted = sink.json["usage"]["completion_tokens"] if not fields.get("stream") else len(sink.events)
        assert 1 <= counted <= (wanted + 1) * fields.get("n", 1)


@pytest.mark.parametrize("body", [b'{"messages": [{"role": "user", "content": "\\ud800"}]}', b"[" * 100_000])
def test_hostile_json_is_refused(body: bytes) -> None:
    assert error_of(body)[0] == 400


def error_of(body: bytes, path: str = CHAT, **settings: Any) -> tuple[int, dict[str, Any]]:
    sink = ask(body, path, **settings)
    assert sink.content_type == "application/json"
    error = sink.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == sink.status
    return sink.status, error


def test_another_model_is_not_found() -> None:
    body = json.dumps({"model": "gpt-9", "messages": []}).encode()
    status, error = error_of(body)
    assert (status, error["type"], error["param"]) == (404, "NotFoundError", "model")
    assert "`gpt-9` does not exist" in error["message"]


def test_a_body_may_leave_the_model_out() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}).encode()
    assert ask(body).json["model"] == MODEL


def test_an_unknown_path_is_not_found() -> None:
    assert error_of(chat(), "/v1/embeddings")[0] == 404


def test_a_prompt_beyond_the_context() -> None:
    status, error = error_of(chat("x" * 400), max_model_len=100)
    assert (status, error["type"]) == (400, "BadRequestError")
    assert "maximum context length is 100 tokens" in error["message"]
    assert "107 input tokens" in error["message"]


def test_max_tokens_beyond_the_whole_context() -> None:
    status, error = error_of(chat(max_tokens=101), max_model_len=100)
    assert (status, error["param"]) == (400, "max_tokens")
    assert "maximum context length is 100 tokens" in error["message"]


def test_max_tokens_end_where_the_context_does() -> None:
    assert text_and_tokens(chat(max_tokens=92, ignore_eos=True), max_model_len=100)[1:] == (91, "length")
    assert output_limit(read_ask(CHAT, chat(max_tokens=5), MODEL), 9, 100) == 5


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"not json", "body"),
        (b"\xff", "body"),
        (b"[]", "body"),
        (b'{"model": "sim-8b"}', "body.messages"),
        (chat(max_tokens="many"), "body.max_tokens"),
        (chat(7), "body.messages.0.content"),
        (chat(stream="yes"), "body.stream"),
        (chat(response_format={"type": "yaml"}), "body.response_format.type"),
    ],
)
def test_bodies_of_the_wrong_shape(body: bytes, param: str) -> None:
    status, error = error_of(body)
    assert (status, error["type"], error["param"]) == (400, "Bad Request", param)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 0}, "n must be"),
        ({"n": 129}, "n must be"),
        ({"min_tokens": -1}, "min_tokens"),
        ({"min_tokens": 5, "max_tokens": 4}, "min_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"stop": ""}, "empty string"),
        ({"stop": ["a", ""]}, "empty string"),
        ({"stream_options": {"include_usage": True}}, "Stream options"),
        ({"top_logprobs": 2}, "logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "logprobs"),
        ({"tool_choice": "required"}, "tools"),
        ({"tool_choice": "perhaps", "tools": [{"function": {"name": "f"}}]}, "perhaps"),
        ({"tool_choice": {"function": {"name": "g"}}, "tools": [{"function": {"name": "f"}}]}, "does not match"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
        ({"use_beam_search": True}, "use_beam_search"),
        ({"echo": True}, "echo"),
    ],
)
def test_values_that_cannot_be(fields: dict[str, Any], word: str) -> None:
    status, error = error_of(chat(**fields))
    assert (status, error["type"]) == (400, "BadRequestError")
    assert word in error["message"]


@pytest.mark.parametrize("prompt", ["", [], [[]], ["a", 1], ["a", ""]])
def test_prompts_that_cannot_be(prompt: object) -> None:
    assert error_of(completion(prompt), COMPLETIONS)[0] == 400


def test_content_that_is_not_text() -> None:
    assert error_of(chat([{"type": "image_url", "image_url": {"url": "x"}}]))[0] == 400
