"""How a prompt is made up, as the parse at the door sees it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlane.v1.request_pb2 import Endpoint, Facts
from tokenlane_proto.openai_body import read_facts

_names = st.sampled_from(["role", "content", "image_url", "file", "type"])
CHAT = Endpoint.ENDPOINT_CHAT_COMPLETIONS
_USER = {"role": "user", "content": "Hi"}
_IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}


def facts_of(**fields: Any) -> Facts:
    return read_facts(json.dumps({"model": "m", "messages": [_USER], **fields}).encode(), CHAT)[1]


def chat(*messages: Any) -> Facts:
    return facts_of(messages=list(messages))


def system(text: Any, role: str = "system") -> dict[str, Any]:
    return {"role": role, "content": text}


def test_messages_are_counted() -> None:
    assert chat(_USER, _USER, _USER).messages == 3
    assert read_facts(b'{"model":"m","prompt":"x"}')[1].messages == 0


def test_the_system_prompt_tells_conversations_apart() -> None:
    same = {chat(system("Be kind."), {"role": "user", "content": text}).system_hash for text in ("Hi", "Bye")}
    assert len(same) == 1
    others = [chat(system("Be rude.")), chat(system("Be kind."), system("In verse.")), chat(_USER)]
    assert len({*same, *(facts.system_hash for facts in others)}) == 4


def test_there_may_be_no_system_prompt() -> None:
    for messages in ([], [_USER], [system("")], [system(None)], [_USER, system("late")]):
        assert facts_of(messages=messages).system_hash == 0


def test_the_system_prompt_is_measured() -> None:
    assert chat(system("Be kind."), system([]), _USER, system("late")).system_bytes == len('"Be kind."')
    assert chat(system("Be kind."), system("In verse.")).system_bytes == len('"Be kind.""In verse."')
    assert chat(_USER).system_bytes == chat(system("")).system_bytes == 0


def test_a_developer_message_is_a_system_prompt() -> None:
    assert chat(system("Be kind.", "developer")).system_hash == chat(system("Be kind.")).system_hash


def test_long_system_prompts_differ_by_their_ends() -> None:
    long = "word " * 10_000
    assert len({chat(system(text)).system_hash for text in (long, long + "a", long + "b", "a" + long)}) == 4


def test_tools_are_measured() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    facts = facts_of(tools=tools)
    assert facts.tools_bytes == len(json.dumps(tools))
    assert facts.tools_hash
    assert facts_of(response_format={"type": "json_object"}).tools_hash not in (0, facts.tools_hash)


@pytest.mark.parametrize("nothing", [None, [], {}, ""])
def test_no_tools_are_no_tools(nothing: Any) -> None:
    facts = facts_of(tools=nothing, functions=nothing, response_format=nothing)
    assert (facts.tools_bytes, facts.tools_hash) == (0, 0)


def test_media_are_counted_by_part() -> None:
    data = "A" * 1_000
    audio = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    facts = chat(_USER, {"role": "user", "content": [{"type": "text", "text": "Look"}, _IMAGE, audio, _IMAGE]})
    assert facts.media_parts == 3
    assert 1_000 < facts.media_bytes < 1_200


@pytest.mark.parametrize(
    "messages",
    [None, {}, "Hi", 7, [1, "a", None], [[_USER]], [{"role": 7, "content": {"a": 1}}], [{"content": [None, [_IMAGE]]}]],
)
def test_odd_messages_are_for_the_engine_to_refuse(messages: Any) -> None:
    facts = facts_of(messages=messages, max_tokens=5)
    assert facts.max_output_tokens == 5
    assert facts.media_parts == 0


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner),
    )
)
def test_any_value_passes_for_messages(value: Any) -> None:
    facts = facts_of(messages=value, tools=value, response_format=value, functions=value)
    assert facts.messages <= (len(value) if isinstance(value, list) else 0)


def test_a_great_many_messages_are_not_built() -> None:
    body = b'{"model":"m","messages":[' + b",".join([b"{}"] * 400_000) + b"]}"
    assert read_facts(body)[1].messages == 0
