"""Token counts are read from an answer as the engine wrote it."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.reply_pb2 import Usage
from tokenlane_worker.usage import Cached, cached, of_body, of_stream

EVENT = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
LAST = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


def test_a_body_tells_its_usage() -> None:
    body = b'{"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}'
    assert of_body(body) == Usage(prompt_tokens=3, completion_tokens=5)


def test_a_body_without_usage_has_none() -> None:
    assert of_body(b'{"choices":[]}') is None
    assert of_body(b"not json") is None


def test_a_stream_that_was_asked_for_usage_tells_it() -> None:
    assert of_stream(EVENT * 2 + LAST + DONE, 99) == Usage(prompt_tokens=7, completion_tokens=2)


def test_a_stream_that_was_not_is_counted_by_its_events() -> None:
    assert of_stream(EVENT * 4 + DONE, 99) == Usage(prompt_tokens=99, completion_tokens=4, estimated=True)


def test_what_was_in_the_prefix_cache_is_told_by_bodies_and_by_ends_of_streams() -> None:
    usage = b'{"choices":[],"usage":{"prompt_tokens":70,"prompt_tokens_details":{"cached_tokens":64,"more":1}}}'
    assert cached(usage, streamed=False) == Cached(70, 64)
    assert cached(EVENT + b"data: " + usage + b"\n\n" + DONE, streamed=True) == Cached(70, 64)


def test_what_is_not_told_of_the_prefix_cache_is_not_known() -> None:
    unknown = b'{"usage":{"prompt_tokens":7,"prompt_tokens_details":%s}}'
    for body in (unknown % b"null", unknown % b"{}", unknown % b'{"cached_tokens":null}', b'{"usage":null}', b"no"):
        assert cached(body, streamed=False) is None
    for count in (b"-1", b"1e3", b"4294967296", b'"7"', b"1" * 400):
        assert cached(unknown % (b'{"cached_tokens":%s}' % count), streamed=False) is None
    for body in (EVENT + LAST + DONE, EVENT + DONE, DONE, b""):
        assert cached(body, streamed=True) is None


@given(st.binary())
def test_any_bytes_are_counted_without_an_error(body: bytes) -> None:
    of_body(body)
    of_stream(body, 1)
    cached(body, streamed=True)
    cached(body, streamed=False)
