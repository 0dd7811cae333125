"""Answers parse as the OpenAI client's own types, and carry vLLM's fields."""

import json
from typing import Any

import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.unit.worker.simulated import CHAT, COMPLETIONS, MODEL, ask, chat, completion

TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("look", "listen")]
LISTEN = {"type": "function", "function": {"name": "listen"}}


def strictly(model: Any, data: Any) -> Any:
    """`model_validate` checks types; `construct`, which the client uses, does not."""
    return model.model_validate(data)


def check_completion_chunk(event: Any) -> None:
    """The client's type knows no finish reason of null, which vLLM sends in all chunks but the last."""
    choices = [{**choice, "finish_reason": choice["finish_reason"] or "stop"} for choice in event["choices"]]
    strictly(Completion, {**event, "choices": choices})


def chunks_of(body: bytes) -> list[ChatCompletionChunk]:
    return [strictly(ChatCompletionChunk, event) for event in ask(body).events]


def test_a_chat_completion() -> None:
    sink = ask(chat(max_tokens=7, ignore_eos=True))
    assert (sink.status, sink.content_type, len(sink.chunks)) == (200, "application/json", 1)
    answer: ChatCompletion = strictly(ChatCompletion, sink.json)
    assert answer.id.startswith("chatcmpl-")
    assert (answer.model, answer.created, answer.system_fingerprint) == (MODEL, 1_700_000_000, "tokenlane-sim")
    assert answer.choices[0].finish_reason == "length"
    assert (answer.choices[0].message.content or "").startswith("[simulated] ")
    assert answer.usage is not None
    # "tell me" is 2 tokens, 4 for the message, 3 for the chat
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (9, 7, 16)


def test_a_chat_stream_gives_the_role_then_one_event_a_token() -> None:
    sink = ask(chat(max_tokens=5, ignore_eos=True, stream=True))
    assert (sink.status, sink.content_type) == (200, "text/event-stream; charset=utf-8")
    assert len(sink.chunks) == 5  # one a step
    role, *tokens = [strictly(ChatCompletionChunk, event) for event in sink.events]
    assert (role.choices[0].delta.role, role.choices[0].delta.content) == ("assistant", "")
    assert [chunk.choices[0].finish_reason for chunk in tokens] == [None, None, None, None, "length"]
    assert [chunk.system_fingerprint for chunk in tokens] == [None, None, None, None, "tokenlane-sim"]
    assert len({chunk.id for chunk in (role, *tokens)}) == 1
    text = "".join(chunk.choices[0].delta.content or "" for chunk in tokens)
    assert text.startswith("[simulated] ")


def test_a_natural_end_is_a_token_without_text() -> None:
    events = ask(chat(stream=True)).events
    assert events[-1]["choices"][0]["finish_reason"] == "stop"
    assert events[-1]["choices"][0]["delta"] == {"content": ""}
    assert events[-1]["choices"][0]["stop_reason"] is None


def test_include_usage_adds_one_last_chunk() -> None:
    *_, last, final = ask(
        chat(max_tokens=3, ignore_eos=True, stream=True, stream_options={"include_usage": True})
    ).events
    assert last["choices"][0]["finish_reason"] == "length"
    assert "system_fingerprint" not in last
    assert final["choices"] == []
    assert final["usage"].pop("prompt_tokens_details") == {"cached_tokens": 0, "created_cache_tokens": 0}
    assert final["usage"] == {"prompt_tokens": 9, "total_tokens": 12, "completion_tokens": 3}
    assert final["system_fingerprint"] == "tokenlane-sim"
    strictly(ChatCompletionChunk, final)


def test_continuous_usage_counts_up() -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    events = ask(chat(max_tokens=3, ignore_eos=True, stream=True, stream_options=options)).events
    assert [event["usage"]["completion_tokens"] for event in events] == [0, 1, 2, 3, 3]


def test_choices_are_coalesced_by_step_and_differ() -> None:
    sink = ask(chat(max_tokens=6, ignore_eos=True, stream=True, n=3))
    assert len(sink.chunks) == 6
    texts = ["", "", ""]
    for event in sink.events:
        choice = strictly(ChatCompletionChunk, event).choices[0]
        texts[choice.index] += choice.delta.content or ""
    assert len(set(texts)) == 3
    whole = strictly(ChatCompletion, ask(chat(max_tokens=6, ignore_eos=True, n=3)).json)
    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    assert whole.usage.completion_tokens == 18


def test_a_completion_and_its_stream() -> None:
    answer = strictly(Completion, ask(completion(max_tokens=4, ignore_eos=True), COMPLETIONS).json)
    assert answer.id.startswith("cmpl-")
    assert answer.choices[0].text.startswith("[simulated] ")
    assert answer.usage.prompt_tokens == 2
    body = completion(max_tokens=4, ignore_eos=True, stream=True, stream_options={"include_usage": True})
    *tokens, final = ask(body, COMPLETIONS).events
    assert [event["choices"][0]["finish_reason"] for event in tokens] == [None, None, None, "length"]
    assert "".join(event["choices"][0]["text"] for event in tokens).startswith("[simulated] ")
    for event in (*tokens, final):
        check_completion_chunk(event)
    assert (final["choices"], final["usage"]["completion_tokens"]) == ([], 4)


def test_a_completion_answers_every_prompt() -> None:
    answer = strictly(Completion, ask(completion(["one", "two words"], n=2, max_tokens=3), COMPLETIONS).json)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.usage.prompt_tokens == 1 + 3


@pytest.mark.parametrize("prompt", [[5, 6, 7], [[5, 6], [7]]])
def test_prompts_may_be_token_ids(prompt: object) -> None:
    assert ask(completion(prompt), COMPLETIONS).json["usage"]["prompt_tokens"] == 3


def test_content_may_be_parts_of_text() -> None:
    parts = [{"type": "text", "text": "tell"}, {"type": "text", "text": "me"}]
    assert ask(chat(parts)).json["usage"]["prompt_tokens"] == 9


@pytest.mark.parametrize("stream", [False, True])
def test_chat_logprobs(stream: bool) -> None:
    sink = ask(chat(max_tokens=3, ignore_eos=True, logprobs=True, top_logprobs=2, stream=stream))
    if stream:
        chunks = [strictly(ChatCompletionChunk, event) for event in sink.events]
        content = [
            token for chunk in chunks if chunk.choices[0].logprobs for token in chunk.choices[0].logprobs.content
        ]
    else:
        content = strictly(ChatCompletion, sink.json).choices[0].logprobs.content
    assert [bytes(token.bytes).decode() for token in content] == [token.token for token in content]
    assert content[0].token == "[simulated] "
    assert [len(token.top_logprobs) for token in content] == [2, 2, 2]
    assert all(token.top_logprobs[0].token == token.token and token.logprob < 0 for token in content)


@pytest.mark.parametrize("stream", [False, True])
def test_completion_logprobs(stream: bool) -> None:
    sink = ask(completion(max_tokens=3, ignore_eos=True, logprobs=2, stream=stream), COMPLETIONS)
    answers = sink.events if stream else [sink.json]
    for answer in answers:
        check_completion_chunk(answer)
    logprobs = [answer["choices"][0]["logprobs"] for answer in answers]
    tokens = [token for part in logprobs for token in part["tokens"]]
    offsets = [offset for part in logprobs for offset in part["text_offset"]]
    assert tokens[0] == "[simulated] "
    assert offsets == [0, len(tokens[0]), len(tokens[0] + tokens[1])]
    assert all(len(top) == 2 for part in logprobs for top in part["top_logprobs"])


@pytest.mark.parametrize(("choice", "name", "reason"), [("required", "look", "tool_calls"), (LISTEN, "listen", "stop")])
def test_a_tool_that_must_be_called_is(choice: object, name: str, reason: str) -> None:
    answer = strictly(ChatCompletion, ask(chat(tools=TOOLS, tool_choice=choice)).json).choices[0]
    assert answer.finish_reason == reason
    assert answer.message.content == ""
    (call,) = answer.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (name, {})

    deltas = [chunk.choices[0] for chunk in chunks_of(chat(tools=TOOLS, tool_choice=choice, stream=True))]
    (streamed,) = [call for delta in deltas for call in delta.delta.tool_calls or ()]
    assert streamed.function is not None
    assert (streamed.function.name, streamed.function.arguments) == (name, "{}")
    assert deltas[-1].finish_reason == reason


def test_tools_that_need_not_be_called_are_not() -> None:
    assert ask(chat(tools=TOOLS)).json["choices"][0]["message"]["content"].startswith("[simulated] ")


def test_json_object() -> None:
    answer = ask(chat(response_format={"type": "json_object"})).json
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"simulated": True}
    assert answer["choices"][0]["finish_reason"] == "stop"
    padded = ask(chat(response_format={"type": "json_object"}, max_tokens=40, ignore_eos=True)).json
    assert json.loads(padded["choices"][0]["message"]["content"]) == {"simulated": True}
    assert padded["usage"]["completion_tokens"] == 40


def test_json_schema() -> None:
    schema = {
        "$defs": {"place": {"type": "object", "properties": {"city": {"type": "string"}, "size": {"type": "number"}}}},
        "type": "object",
        "properties": {
            "home": {"$ref": "#/$defs/place"},
            "kind": {"enum": ["b", "a"]},
            "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
            "age": {"type": "integer", "minimum": 3},
            "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        },
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    content = ask(chat(response_format=wanted)).json["choices"][0]["message"]["content"]
    assert json.loads(content) == {
        "home": {"city": "simulated", "size": 0},
        "kind": "b",
        "tags": [True, True],
        "age": 3,
        "note": None,
    }


def test_a_recursive_schema_ends() -> None:
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(ask(chat(response_format=wanted), CHAT).json["choices"][0]["message"]["content"])
