"""One answer, whatever arrives: nothing lost, doubled or out of order."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client.frames import DONE, FAILED, JSON_HEAD, SSE_HEAD, event, stored_elsewhere, stream, whole
from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal
from tokenlane_client.answer import AnswerState, Complete, Part, from_store, step
from tokenlane_client.failure import Failure
from tokenlane_proto import events, headers

ANSWER = [event("one"), event("two"), event("three"), events.DONE]


def play(frames: Iterable[Frame], state: AnswerState | None = None) -> tuple[AnswerState, list[Part]]:
    """The last state, and every part that shows something or tells that something was missed."""
    state, parts = state or AnswerState(), []
    for frame in frames:
        state, part = step(state, frame)
        if part != Part():
            parts.append(part)
    return state, parts


def shown(parts: Iterable[Part]) -> bytes:
    return b"".join(part.data for part in parts)


def failure_of(parts: list[Part]) -> Failure:
    end = parts[-1].end
    assert isinstance(end, Failure)
    return end


answers = st.lists(st.sampled_from([event(text) for text in ("a", "b", "c")]), min_size=1, max_size=8)


@st.composite
def attempts(draw: st.DrawFn, answer: list[bytes]) -> list[Frame]:
    """Frames of several attempts at one answer; each begins anywhere and may break off."""
    frames: list[Frame] = []
    for attempt in range(1, draw(st.integers(2, 4))):
        cut, first = draw(st.integers(1, 3)), draw(st.integers(0, len(answer) - 1))
        sent = stream(answer, attempt=attempt, first_event=first, cut=cut)
        frames += sent[: draw(st.integers(1, len(sent)))]
    return frames


@given(st.data())
def test_whatever_arrives_the_reader_sees_the_beginning_of_the_answer(data: st.DataObject) -> None:
    answer = data.draw(answers)
    arriving = data.draw(st.lists(st.sampled_from(data.draw(attempts(answer))), max_size=30))
    state, parts = play(arriving)
    visible = [part for part in parts if not part.missed]
    assert b"".join(answer).startswith(shown(parts))
    assert state.events == events.count(shown(parts))
    assert [part.head for part in visible if part.head is not None] == [SSE_HEAD] * bool(visible)
    assert all(part.head is None for part in visible[1:])
    assert all(part.end is None for part in parts[:-1])
    assert all(part == Part(missed=True) for part in parts if part.missed)
    if state.ended:
        assert parts[-1].end == Complete()
        assert shown(parts) == b"".join(answer)
    assert state.settled == state.ended


@given(st.data())
def test_repeated_and_stale_frames_change_nothing(data: st.DataObject) -> None:
    answer = data.draw(answers)
    stale = stream([event("x") for _ in answer], attempt=1)
    frames = stream(answer, attempt=2, cut=data.draw(st.integers(1, 3)))
    arriving: list[Frame] = []
    for position, frame in enumerate(frames):
        arriving.append(frame)
        arriving += data.draw(st.lists(st.sampled_from([*stale, *frames[: position + 1]]), max_size=3))
    state, parts = play(arriving)
    assert shown(parts) == b"".join(answer)
    assert parts[-1].end == Complete()
    assert state.settled


@given(st.data())
def test_a_lost_frame_is_told_and_what_follows_waits_for_it(data: st.DataObject) -> None:
    answer = data.draw(st.lists(st.just(event("a")), min_size=2, max_size=8))
    lost = data.draw(st.integers(0, len(answer) - 2))
    frames = stream(answer)
    state, parts = play(frames[:lost] + frames[lost + 1 :])
    assert shown(parts) == b"".join(answer[:lost])
    assert parts[lost:] == [Part(missed=True)] * (len(answer) - lost - 1)
    assert not state.ended
    caught_up, rest = play(stream(answer, first_event=lost, cut=len(answer)), state)
    assert shown([*parts, *rest]) == b"".join(answer)
    assert caught_up.ended


@given(st.data())
def test_the_next_attempt_goes_on_wherever_it_begins(data: st.DataObject) -> None:
    answer = data.draw(answers)
    reached = data.draw(st.integers(0, len(answer) - 1))
    begins = data.draw(st.integers(0, reached))
    first = stream(answer)[:reached]
    second = stream(answer, attempt=2, first_event=begins, cut=data.draw(st.integers(1, 3)))
    state, parts = play([*first, *second, *stream([event("stale")] * 9)])
    assert shown(parts) == b"".join(answer)
    assert state.ended


def test_an_event_stream_is_shown_as_it_comes_and_any_other_body_whole() -> None:
    assert play(stream(ANSWER[2:]))[1] == [Part(SSE_HEAD, ANSWER[2]), Part(None, ANSWER[3], Complete())]
    assert play([whole(b"{}")])[1] == [Part(JSON_HEAD, b"{}", Complete())]
    assert play([Frame(attempt=1, head=JSON_HEAD, data=b"{")])[1] == []


def test_the_head_of_a_stream_is_shown_before_its_first_event() -> None:
    assert play([Frame(attempt=1, head=SSE_HEAD)])[1] == [Part(SSE_HEAD)]


def test_a_reader_that_joins_late_is_shown_what_comes_after_its_position() -> None:
    frames = [Frame(attempt=1, head=SSE_HEAD, first_event=1, data=b"".join(ANSWER[1:3])), *stream(ANSWER)[3:]]
    state, parts = play(frames, AnswerState(events=2))
    assert parts[0] == Part(SSE_HEAD, ANSWER[2])
    assert shown(parts) == b"".join(ANSWER[2:])
    assert state.ended


@pytest.mark.parametrize(
    "frames",
    [
        [stored_elsewhere()],
        [*stream(ANSWER)[:2], stored_elsewhere()],
        [Frame(attempt=1, head=SSE_HEAD), stored_elsewhere()],
        [Frame(attempt=1, data=b"no head")],
        [*stream(ANSWER)[:1], Frame(attempt=1, first_event=3, terminal=DONE)],
    ],
)
def test_an_end_or_a_beginning_that_does_not_fit_was_missed(frames: list[Frame]) -> None:
    state, parts = play(frames)
    assert parts[-1] == Part(missed=True)
    assert not state.ended


@pytest.mark.parametrize(
    ("terminal", "status", "code", "kind"),
    [
        (Terminal(outcome=Outcome.OUTCOME_FAILED, reason="no room"), 502, "failed", "server_error"),
        (Terminal(outcome=Outcome.OUTCOME_FAILED, reason="no room", http_status=503), 503, "failed", "server_error"),
        (Terminal(outcome=Outcome.OUTCOME_FAILED, http_status=400), 400, "failed", "invalid_request_error"),
        (Terminal(outcome=Outcome.OUTCOME_EXPIRED), 504, "deadline_exceeded", "server_error"),
        (Terminal(outcome=Outcome.OUTCOME_CANCELLED), 499, "cancelled", "invalid_request_error"),
        (Terminal(outcome=Outcome.OUTCOME_FAILED, http_status=409, code="c", error_type="t"), 409, "c", "t"),
    ],
)
def test_a_failure_before_the_first_byte_has_its_status(terminal: Terminal, status: int, code: str, kind: str) -> None:
    state, parts = play([Frame(attempt=1, terminal=terminal)])
    failure = failure_of(parts)
    assert (failure.status, failure.code, failure.type) == (status, code, kind)
    assert not terminal.reason or failure.message == terminal.reason
    assert state.settled


def test_a_failure_that_brings_its_own_body_is_shown_as_it_is() -> None:
    head = Head(http_status=404, content_type="application/json")
    terminal = Terminal(outcome=Outcome.OUTCOME_FAILED, reason="no lane", http_status=404)
    frame = Frame(attempt=1, head=head, data=b'{"error":{}}', terminal=terminal)
    assert play([frame])[1] == [Part(head, b'{"error":{}}', Complete())]
    # Once a stream has begun, that body is no part of it.
    _, parts = play([*stream(ANSWER)[:1], frame])
    assert shown(parts) == ANSWER[0]
    assert failure_of(parts).message == "no lane"


def test_a_failure_in_mid_stream_keeps_what_was_shown() -> None:
    _, parts = play(stream(ANSWER[:2], end=FAILED))
    assert shown(parts) == b"".join(ANSWER[:2])
    assert failure_of(parts).message == "the engine broke"


def test_a_stream_that_goes_on_as_another_kind_of_answer_breaks_off() -> None:
    _, parts = play([*stream(ANSWER)[:1], whole(b"{}", attempt=2)])
    assert failure_of(parts).code == "answer_broken"


def test_nothing_follows_the_end() -> None:
    frames = [whole(b"{}"), *stream(ANSWER, attempt=2)]
    assert play(frames)[1] == [Part(JSON_HEAD, b"{}", Complete())]


STORED = b"".join(ANSWER)
STREAMED = {headers.OUTCOME: "completed", headers.STATUS: "200", headers.CONTENT_TYPE: SSE_HEAD.content_type}
REFUSED = {headers.OUTCOME: "failed", headers.STATUS: "502", headers.CONTENT_TYPE: "application/json"}
REFUSAL = b'{"error":{"message":"gone","type":"server_error","code":"engine_failed","param":null}}'


@pytest.mark.parametrize("reached", range(5))
def test_the_stored_result_gives_what_was_not_shown_yet(reached: int) -> None:
    state, parts = play(stream(ANSWER, end=None)[:reached])
    after, part = from_store(state, STORED, STREAMED, events.digest(b"".join(ANSWER[:reached])))
    assert shown([*parts, part]) == STORED
    assert part.end == Complete()
    assert (part.head is None) == (reached > 0)
    assert (after.events, after.ended, after.settled) == (4, True, True)


def test_a_stored_result_that_begins_otherwise_is_not_joined() -> None:
    state = AnswerState(events=2)
    assert failure_of([from_store(state, STORED, STREAMED, 7)[1]]).code == "stream_diverged"
    assert from_store(state, STORED, STREAMED, None)[1].data == b"".join(ANSWER[2:])


def test_a_stored_failure_is_the_answer_or_the_end_of_the_stream() -> None:
    part = from_store(AnswerState(), REFUSAL, REFUSED, 0)[1]
    assert (part.data, part.end) == (REFUSAL, Complete())
    assert part.head is not None
    assert part.head.http_status == 502
    begun = play(stream(ANSWER)[:1])[0]
    assert from_store(begun, REFUSAL, REFUSED, 0)[1] == Part(
        end=Failure(502, "gone", "server_error", "engine_failed", None)
    )


def test_a_stored_body_that_is_not_streamed_is_shown_whole_with_its_headers() -> None:
    fields = {
        headers.OUTCOME: "completed",
        headers.STATUS: "200",
        headers.CONTENT_TYPE: "application/json",
        headers.LANE: "long",
        headers.BUDGET_TOKENS: "77",
        headers.SIMULATED: "true",
    }
    part = from_store(AnswerState(), b"{}", fields, 0)[1]
    head = Head(http_status=200, content_type="application/json", lane="long", budget_tokens=77, simulated=True)
    assert part == Part(head, b"{}", Complete())


def test_a_stored_result_found_after_the_end_only_settles_it() -> None:
    broken = play([*stream(ANSWER)[:1], whole(b"{}", attempt=2)])[0]
    assert not broken.settled
    after, part = from_store(broken, STORED, STREAMED, 0)
    assert part == Part()
    assert after.settled
