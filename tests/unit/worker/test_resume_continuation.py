"""The request that an engine goes on with."""

import json
from typing import Any

import pytest

from tests.unit.worker.chunks import DONE, ROLE, delta, text
from tests.unit.worker.resuming import known_of
from tests.unit.worker.simulated import chat, completion
from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_worker.resume.continuation import continuation_body, cut_off
from tokenlane_worker.resume.known import Known

CHAT, COMPLETION = Endpoint.ENDPOINT_CHAT_COMPLETIONS, Endpoint.ENDPOINT_COMPLETIONS


def rest_of(body: bytes, said: str = "Hello", tokens: int = 2, endpoint: Endpoint = CHAT) -> dict[str, Any] | None:
    rest = continuation_body(endpoint, body, said, tokens)
    return None if rest is None else json.loads(rest)


def test_a_chat_goes_on_behind_an_assistants_message() -> None:
    body = chat("hi", stream=True, temperature=0, stop=["ä"])
    rest = rest_of(body, 'Hel"lo\n')
    assert rest is not None
    assert rest.pop("messages") == [{"role": "user", "content": "hi"}, {"role": "assistant", "content": 'Hel"lo\n'}]
    assert (rest.pop("continue_final_message"), rest.pop("add_generation_prompt")) == (True, False)
    assert rest == {key: value for key, value in json.loads(body).items() if key != "messages"}


def test_a_message_that_the_client_began_becomes_longer() -> None:
    last = {"role": "assistant", "content": "Well: ", "name": "x"}
    body = chat(messages=[{"role": "user", "content": "hi"}, last], continue_final_message=True)
    rest = rest_of(body)
    assert rest is not None
    assert rest["messages"][1] == {**last, "content": "Well: Hello"}
    assert len(rest["messages"]) == 2


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({}, {}),
        ({"max_tokens": 5}, {"max_tokens": 3}),
        ({"max_tokens": 3}, {"max_tokens": 1}),
        ({"max_tokens": 2}, None),
        ({"max_tokens": 1}, None),
        ({"max_completion_tokens": 5, "max_tokens": 1}, {"max_completion_tokens": 3, "max_tokens": 1}),
        ({"max_completion_tokens": 2, "max_tokens": 9}, None),
        ({"max_completion_tokens": None, "max_tokens": 9}, {"max_completion_tokens": None, "max_tokens": 7}),
        ({"min_tokens": 5}, {"min_tokens": 3}),
        ({"min_tokens": 1}, {"min_tokens": 0}),
    ],
)
def test_limits_shrink_by_what_was_shown(given: dict[str, Any], left: dict[str, Any] | None) -> None:
    rest = rest_of(chat(**given))
    assert (rest and {name: rest.get(name) for name in given}) == left


def test_a_completion_goes_on_behind_its_prompt() -> None:
    rest = rest_of(completion("Once", stream=True, max_tokens=20), " upon", 1, COMPLETION)
    assert rest is not None
    assert (rest["prompt"], rest["max_tokens"]) == ("Once upon", 19)
    assert "messages" not in rest


@pytest.mark.parametrize("fields", [{}, {"max_tokens": None}])
def test_a_completion_without_a_limit_has_the_default_of_16(fields: dict[str, Any]) -> None:
    rest = rest_of(completion(**fields), tokens=10, endpoint=COMPLETION)
    assert rest is not None
    assert rest["max_tokens"] == 6
    assert rest_of(completion(**fields), tokens=16, endpoint=COMPLETION) is None


def test_without_text_the_body_stays_as_it_is() -> None:
    body = chat(max_tokens=3)
    assert continuation_body(CHAT, body, "", 0) is body


@pytest.mark.parametrize(("shown", "said"), [([ROLE, delta("a")], b'"delta":{}'), ([text("a")], b'"text":""')])
def test_an_answer_that_used_up_its_tokens_is_cut_off(shown: list[bytes], said: bytes) -> None:
    if said == b'"text":""':
        shown = [part.replace(b"chat.completion.chunk", b"text_completion") for part in shown]
    *ends, done = cut_off(known_of(b"".join(shown), len(shown))).split(b"\n\n")[:-1]
    (end,) = ends
    assert said in end
    assert done == b"data: [DONE]"
    read = json.loads(end.removeprefix(b"data: "))
    assert (read["id"], read["created"], read["choices"][0]["finish_reason"]) == ("chatcmpl-1", 5, "length")


def test_what_is_over_is_not_cut_off() -> None:
    assert cut_off(Known(1, DONE)) == b""
