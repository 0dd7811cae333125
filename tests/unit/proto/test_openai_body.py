"""The one parse of a body finds what the budget needs and says what is wrong."""

import pytest

from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.openai_body import read_facts

CHAT = Endpoint.ENDPOINT_CHAT_COMPLETIONS


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        (b"{", None, "not valid JSON"),
        (b"", None, "not valid JSON"),
        (b"[]", None, "Expected `object`"),
        (b'{"messages":[]}', "model", "model"),
        (b'{"model":"m"}', "messages", "messages"),
        (b'{"model":7,"messages":[]}', "model", "Expected `str`"),
        (b'{"model":"m","messages":[],"max_tokens":"many"}', "max_tokens", "Expected"),
        (b'{"model":"m","messages":[],"max_tokens":0}', "max_tokens", "at least 1"),
        (b'{"model":"m","messages":[],"n":-1}', "n", "at least 1"),
        (b'{"model":"m","messages":[],"n":129}', "n", "at most 128"),
        (b'{"model":"m","messages":[],"max_tokens":4294967296}', "max_tokens", "at most 4294967295"),
        (b'{"model":"\xff","messages":[]}', None, "not valid UTF-8"),
        (b'{"a":' * 100_000, None, "nested too deeply"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, param: str | None, message: str) -> None:
    with pytest.raises(MalformedMessageError, match=message) as caught:
        read_facts(body, CHAT)
    assert caught.value.param == param


def test_the_newer_limit_wins() -> None:
    _, facts = read_facts(b'{"model":"m","messages":[],"max_tokens":5,"max_completion_tokens":9}', CHAT)
    assert facts.max_output_tokens == 9


def test_no_limit_is_told_from_a_limit() -> None:
    _, facts = read_facts(b'{"model":"m","messages":[]}', CHAT)
    assert not facts.HasField("max_output_tokens")


def test_the_endpoint_follows_from_the_fields() -> None:
    assert read_facts(b'{"model":"m","prompt":"x"}')[0] == Endpoint.ENDPOINT_COMPLETIONS
    assert read_facts(b'{"model":"m","messages":[]}')[0] == CHAT


def test_usage_in_the_stream_is_seen() -> None:
    body = b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}'
    assert read_facts(body, CHAT)[1].include_usage
