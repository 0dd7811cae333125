"""Token counts are read from an answer as the engine wrote it."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.reply_pb2 import Usage
from tokenlane_worker.usage import of_body, of_stream

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


@given(st.binary())
def test_any_bytes_are_counted_without_an_error(body: bytes) -> None:
    of_body(body)
    of_stream(body, 1)
