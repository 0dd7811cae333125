"""An engine's own collapse is held back; everything else goes through."""

import pytest

from tests.unit.worker.answers import HeardSink, event
from tokenlane_worker.engine.guard import Guard

BAD_REQUEST = event('{"error": {"message": "no", "code": 400}}')
COLLAPSE = event('{"error": {"message": "EngineCore encountered an issue", "code": 500}}')
QUOTED = event('{"choices":[{"delta":{"content":"data: {\\"error\\": {\\"code\\": 500}}"}}]}')


@pytest.mark.parametrize("chunk", [event("1"), BAD_REQUEST, QUOTED, event('{"error": "text"}'), b'data: {"error'])
def test_ordinary_answers_go_through(chunk: bytes) -> None:
    sink = HeardSink()
    guard = Guard(sink)
    guard.head(200, "text/event-stream")
    guard.data(chunk)
    assert (sink.chunks, guard.failed_status) == ([chunk], 0)


def test_a_collapse_in_mid_stream_is_held_back_and_what_came_before_is_not() -> None:
    sink = HeardSink()
    guard = Guard(sink)
    guard.head(200, "text/event-stream")
    guard.data(event("1") + COLLAPSE)
    guard.data(event("[DONE]"))
    assert (sink.chunks, guard.failed_status) == ([event("1")], 500)
    guard.release()
    assert sink.chunks == [event("1"), COLLAPSE + event("[DONE]")]


def test_a_5xx_answer_is_held_back_until_released() -> None:
    sink = HeardSink()
    guard = Guard(sink)
    guard.head(500, "application/json")
    guard.data(b"{}")
    assert (sink.heads, sink.chunks, guard.failed_status) == ([], [], 500)
    guard.release()
    assert (sink.heads, sink.chunks) == ([(500, "application/json")], [b"{}"])
