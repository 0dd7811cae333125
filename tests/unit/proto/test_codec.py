"""What goes in comes out, and what is not a message is an error of one kind."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.request_pb2 import Classification, Endpoint, Facts, Priority, ReplyFormat, Request
from tokenlane_proto import codec, headers, subjects
from tokenlane_proto.errors import MalformedMessageError

BARE = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


def request(**fields: object) -> Request:
    values: dict[str, object] = {
        "request_id": "r1",
        "endpoint": Endpoint.ENDPOINT_CHAT_COMPLETIONS,
        "facts": Facts(model="m"),
        "body": BARE,
    }
    return Request(**(values | fields))  # type: ignore[arg-type]


@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_a_classification_is_appended_without_touching_the_rest(body: bytes, tokens: int) -> None:
    encoded = request(body=body).SerializeToString()
    tagged = codec.with_classification(encoded, Classification(lane="short", prompt_tokens=tokens))
    assert tagged.startswith(encoded)
    decoded = codec.decode_request(tagged)
    assert (decoded.body, decoded.classification.lane, decoded.classification.prompt_tokens) == (body, "short", tokens)


@given(st.binary(max_size=400))
def test_any_bytes_decode_or_raise_the_one_error(payload: bytes) -> None:
    for decode in (
        codec.decode_request,
        codec.decode_frame,
        codec.decode_usage,
        codec.decode_lane_profile,
        codec.decode_attach,
        codec.decode_started,
        codec.decode_shown,
        codec.decode_progress,
        codec.decode_dead_letter,
        codec.decode_status,
        codec.decode_key_record,
        codec.decode_tenant_policy,
    ):
        with contextlib.suppress(MalformedMessageError):
            decode(payload)
    with contextlib.suppress(MalformedMessageError):
        codec.wrap_bare(payload, {}, "seq-1", 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"request_id": ""},
        {"request_id": "a.b"},
        {"request_id": "x" * 65},
        {"reply_inbox": "a.>"},
        {"endpoint": Endpoint.ENDPOINT_UNSPECIFIED},
        {"facts": Facts()},
        {"idempotency_key": "key", "body_sha256": bytes(32)},
        {"idempotency_key": "key", "request_id": subjects.keyed_id("key")},
        {"idempotency_key": "k" * 256, "request_id": subjects.keyed_id("k" * 256), "body_sha256": bytes(32)},
        {"idempotency_key": "a\nb", "request_id": subjects.keyed_id("a\nb"), "body_sha256": bytes(32)},
    ],
)
def test_a_request_that_breaks_the_contract_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(MalformedMessageError):
        codec.decode_request(request(**fields).SerializeToString())


def test_a_bare_body_is_told_from_an_envelope() -> None:
    assert codec.is_bare(BARE)
    assert codec.is_bare(b"\n  " + BARE)
    assert not codec.is_bare(request().SerializeToString())
    assert not codec.is_bare(b"nonsense")


def test_a_bare_body_travels_unchanged_and_is_answered_plainly() -> None:
    fields = {headers.REPLY_INBOX: "mine.1", headers.REQUEST_ID: "own", headers.DEADLINE_MS: "123"}
    wrapped = codec.wrap_bare(BARE, fields, "seq-7", 42)
    assert wrapped.body == BARE
    assert (wrapped.request_id, wrapped.reply_inbox, wrapped.deadline_unix_ms) == ("own", "mine.1", 123)
    assert (wrapped.reply_format, wrapped.accepted_unix_ms) == (ReplyFormat.REPLY_FORMAT_PLAIN, 42)
    assert codec.wrap_bare(BARE, {}, "seq-7", 42).request_id == "seq-7"


def test_a_bare_body_may_say_how_soon_and_before_whom() -> None:
    urgent = codec.wrap_bare(BARE, {headers.PRIORITY: "interactive", headers.TTFT_MS: "350"}, "seq-7", 0)
    assert (urgent.priority, urgent.ttft_limit_ms) == (Priority.PRIORITY_INTERACTIVE, 350)
    plain = codec.wrap_bare(BARE, {}, "seq-7", 0)
    assert (plain.priority, plain.ttft_limit_ms) == (Priority.PRIORITY_UNSPECIFIED, 0)


def test_the_id_of_a_bare_body_with_a_key_follows_from_the_key() -> None:
    wrapped = codec.wrap_bare(BARE, {headers.IDEMPOTENCY_KEY: "key", headers.REQUEST_ID: "own"}, "seq-7", 0)
    assert wrapped.request_id == subjects.keyed_id("key")
    assert codec.decode_request(wrapped.SerializeToString()) == wrapped


@pytest.mark.parametrize(
    "fields",
    [
        {headers.REPLY_INBOX: "other.>"},
        {headers.REQUEST_ID: "a b"},
        {headers.DEADLINE_MS: "soon"},
        {headers.IDEMPOTENCY_KEY: "x" * 256},
        {headers.PRIORITY: ""},
        {headers.PRIORITY: "Batch"},
        {headers.PRIORITY: "1"},
        {headers.TTFT_MS: "0"},
        {headers.TTFT_MS: ""},
        {headers.TTFT_MS: "-5"},
        {headers.TTFT_MS: "0.5"},
        {headers.TTFT_MS: "\u0663"},
        {headers.TTFT_MS: "1" * 10},
    ],
)
def test_headers_of_a_bare_body_are_checked(fields: dict[str, str]) -> None:
    with pytest.raises(MalformedMessageError):
        codec.wrap_bare(BARE, fields, "seq-7", 0)


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)))
def test_unknown_fields_of_a_body_do_not_matter(extra: dict[str, object]) -> None:
    body = json.dumps({**extra, "model": "m", "messages": [], "max_tokens": 5, "stream": True}).encode()
    for name in ("max_completion_tokens", "n", "stream_options", "prompt"):
        if name in extra:
            return
    wrapped = codec.wrap_bare(body, {}, "seq-1", 0)
    assert (wrapped.facts.model, wrapped.facts.max_output_tokens, wrapped.facts.stream) == ("m", 5, True)
