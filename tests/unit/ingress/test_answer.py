"""One answer, whatever arrives: nothing lost, doubled or out of order."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ingress.upstream import DONE, JSON_HEAD, SSE_HEAD, events, whole
from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal
from tokenlane_ingress.answer import AnswerState, Complete, Part, step
from tokenlane_ingress.errors import ErrorAnswer

Scripts = list[list[bytes]]


def play(frames: Iterable[Frame]) -> tuple[AnswerState, list[Part]]:
    """The last state, and every part that shows something."""
    state, parts = AnswerState(), []
    for frame in frames:
        state, part = step(state, frame)
        if part != Part():
            parts.append(part)
    return state, parts


def shown(parts: list[Part]) -> bytes:
    return b"".join(part.data for part in parts)


def error_of(parts: list[Part]) -> ErrorAnswer:
    end = parts[-1].end
    assert isinstance(end, ErrorAnswer)
    return end


def scripts(minimum: int = 1) -> st.SearchStrategy[Scripts]:
    """The parts of each attempt's answer; sampling differs from attempt to attempt."""
    attempt = st.lists(st.binary(max_size=3), min_size=1, max_size=6)
    return st.lists(attempt, min_size=minimum, max_size=3)


def frames_of(script: Scripts, head: Head) -> list[Frame]:
    return [frame for attempt, parts in enumerate(script, 1) for frame in events(*parts, attempt=attempt, head=head)]


heads = st.sampled_from([JSON_HEAD, SSE_HEAD])


@given(scripts(), heads, st.data())
def test_whatever_arrives_the_client_sees_the_beginning_of_one_attempt(
    script: Scripts, head: Head, data: st.DataObject
) -> None:
    arriving = data.draw(st.lists(st.sampled_from(frames_of(script, head)), max_size=30))
    state, parts = play(arriving)
    bodies = [b"".join(attempt) for attempt in script]
    assert any(body.startswith(shown(parts)) for body in bodies)
    assert [part.head for part in parts if part.head is not None] == [head] * any(part.head for part in parts)
    assert all(part.head is None or position == 0 for position, part in enumerate(parts))
    assert [part.end for part in parts[:-1]] == [None] * len(parts[:-1])
    if parts and isinstance(parts[-1].end, Complete):
        assert shown(parts) in bodies
        assert state.settled
    assert state.ended == bool(parts and parts[-1].end)


@given(scripts(), heads, st.data())
def test_repeated_and_stale_frames_change_nothing(script: Scripts, head: Head, data: st.DataObject) -> None:
    last = len(script)
    frames = events(*script[-1], attempt=last, head=head)
    stale = frames_of(script[:-1], head)
    arriving = []
    for position, frame in enumerate(frames):
        arriving.append(frame)
        arriving += data.draw(st.lists(st.sampled_from([*stale, *frames[: position + 1]]), max_size=3))
    state, parts = play(arriving)
    assert shown(parts) == b"".join(script[-1])
    assert parts[-1].end == Complete()
    assert state.settled


@given(st.lists(st.binary(min_size=1, max_size=3), min_size=2, max_size=6), heads, st.data())
def test_a_lost_frame_ends_the_answer_with_an_error(parts_sent: list[bytes], head: Head, data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, len(parts_sent) - 2))
    frames = events(*parts_sent, head=head)
    del frames[lost]
    state, parts = play(frames)
    assert error_of(parts).status == 502
    assert b"".join(parts_sent[:lost]).startswith(shown(parts))
    assert not state.settled


@given(st.lists(st.binary(max_size=3), min_size=1, max_size=4), st.lists(st.binary(max_size=3), min_size=1, max_size=4))
def test_a_new_attempt_takes_over_as_long_as_nothing_was_shown(first: list[bytes], second: list[bytes]) -> None:
    for head in (JSON_HEAD, SSE_HEAD):
        _, parts = play([*events(*first, end=None, head=head), *events(*second, attempt=2, head=head)])
        if head is SSE_HEAD and any(first):
            assert error_of(parts).code == "answer_broken"
            assert shown(parts) == b"".join(first)
        else:
            assert parts[-1].end == Complete()
            assert shown(parts) == b"".join(second)


def test_an_event_stream_is_shown_as_it_comes_and_any_other_body_whole() -> None:
    _, streamed = play(events(b"one", b"two"))
    assert streamed == [Part(SSE_HEAD, b"one"), Part(None, b"two", Complete())]
    _, held = play(events(b"one", b"two", head=JSON_HEAD))
    assert held == [Part(JSON_HEAD, b"onetwo", Complete())]


def test_the_head_of_a_stream_is_shown_before_its_first_event() -> None:
    _, parts = play(events(b"", b"one"))
    assert parts[0] == Part(SSE_HEAD)


@pytest.mark.parametrize(
    ("terminal", "status", "code", "kind"),
    [
        (Terminal(outcome=Outcome.OUTCOME_FAILED, reason="no room"), 502, "failed", "server_error"),
        (Terminal(outcome=Outcome.OUTCOME_FAILED, reason="no room", http_status=503), 503, "failed", "server_error"),
        (Terminal(outcome=Outcome.OUTCOME_FAILED, http_status=400), 400, "failed", "invalid_request_error"),
        (Terminal(outcome=Outcome.OUTCOME_EXPIRED), 504, "deadline_exceeded", "server_error"),
        (Terminal(outcome=Outcome.OUTCOME_CANCELLED), 499, "cancelled", "invalid_request_error"),
    ],
)
def test_a_failure_before_the_first_byte_has_its_status(terminal: Terminal, status: int, code: str, kind: str) -> None:
    state, parts = play([Frame(attempt=1, seq=0, terminal=terminal)])
    error = error_of(parts)
    assert (error.status, error.code, error.type) == (status, code, kind)
    assert not terminal.reason or error.message == terminal.reason
    assert (error.retry_after_s > 0) == (status == 503)
    assert state.settled


def test_a_failure_that_brings_its_own_body_is_shown_as_it_is() -> None:
    head = Head(http_status=404, content_type="application/json")
    terminal = Terminal(outcome=Outcome.OUTCOME_FAILED, reason="no lane", http_status=404)
    frame = Frame(attempt=1, seq=0, head=head, data=b'{"error":{}}', terminal=terminal)
    assert play([frame])[1] == [Part(head, b'{"error":{}}', Complete())]


def test_a_failure_in_mid_answer_keeps_what_was_shown_and_drops_what_was_held() -> None:
    failed = Terminal(outcome=Outcome.OUTCOME_FAILED, reason="the engine broke")
    for head, seen in ((SSE_HEAD, b"one"), (JSON_HEAD, b"")):
        _, parts = play(events(b"one", b"", head=head, end=failed))
        assert shown(parts) == seen
        assert error_of(parts).message == "the engine broke"


@pytest.mark.parametrize(
    "frames",
    [
        [Frame(attempt=1, seq=0, data=b"x", terminal=DONE)],
        [*events(b"", end=None), *events(b"{}", attempt=2, head=JSON_HEAD)],
    ],
)
def test_what_makes_no_sense_breaks_off(frames: list[Frame]) -> None:
    assert error_of(play(frames)[1]).code == "answer_broken"


def test_nothing_follows_the_end() -> None:
    frames = [*whole(b"{}"), *events(b"more", attempt=2)]
    assert play(frames)[1] == [Part(JSON_HEAD, b"{}", Complete())]
