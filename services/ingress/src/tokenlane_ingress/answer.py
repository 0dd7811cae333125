"""What each frame of an answer means for the client. Pure.

A token must never be lost, doubled or shown out of order, and the client must see one answer, whatever the attempts:

- frames of an older attempt, and repeated ones, are dropped;
- a hole in the numbers breaks the answer off;
- a new attempt takes over unseen as long as no byte of the body was shown; after that it breaks the answer off;
- server-sent events are shown as they come, any other body once it is whole, so that a failure still has its status.
"""

from dataclasses import dataclass
from typing import NamedTuple

from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal
from tokenlane_ingress import errors
from tokenlane_ingress.errors import INVALID_REQUEST, RETRY_AFTER_S, SERVER_ERROR, ErrorAnswer

EVENT_STREAM = "text/event-stream"
_FAILURES = {
    Outcome.OUTCOME_FAILED: (502, "failed"),
    Outcome.OUTCOME_CANCELLED: (499, "cancelled"),
    Outcome.OUTCOME_EXPIRED: (504, "deadline_exceeded"),
}


@dataclass(frozen=True, slots=True)
class Complete:
    """The answer is whole."""


End = Complete | ErrorAnswer


class Part(NamedTuple):
    """What to show now. `head` comes once, with or before the first data; `end` comes once, last."""

    head: Head | None = None
    data: bytes = b""
    end: End | None = None


class AnswerState(NamedTuple):
    """How far the answer is. `head_shown` and `data_shown` survive a new attempt, the rest begins anew."""

    attempt: int = 0
    next_seq: int = 0
    head: Head | None = None
    held: tuple[bytes, ...] = ()
    head_shown: bool = False
    data_shown: bool = False
    # No frame changes anything any more.
    ended: bool = False
    # The terminal frame was seen: nobody works on the request any more.
    settled: bool = False


NOTHING = Part()
Step = tuple[AnswerState, Part]


def step(state: AnswerState, frame: Frame) -> Step:
    """The state after `frame`, and what the client sees of it."""
    attempt, seq = frame.attempt, frame.seq
    if state.ended or attempt < state.attempt:
        return state, NOTHING
    if attempt > state.attempt:
        if state.data_shown:
            return _broken(state, "its worker was lost and another started over")
        state = AnswerState(attempt=attempt, head_shown=state.head_shown)
    if seq < state.next_seq:
        return state, NOTHING
    if seq > state.next_seq:
        return _broken(state, "a part of it was lost on the way")
    terminal = frame.terminal if frame.HasField("terminal") else None
    if terminal is not None and terminal.outcome != Outcome.OUTCOME_COMPLETED:
        return _failed(state, frame, terminal)
    return _goes_on(state, frame, terminal is not None)


def _goes_on(state: AnswerState, frame: Frame, last: bool) -> Step:
    head = state.head or (frame.head if frame.HasField("head") else None)
    if head is None:
        return _broken(state, "it has no beginning")
    if state.head_shown and not head.content_type.startswith(EVENT_STREAM):
        return _broken(state, "another attempt answered differently")
    if head.content_type.startswith(EVENT_STREAM):
        return _show(state, head, frame.data, last)
    if last:
        return _show(state, head, b"".join((*state.held, frame.data)), last)
    return state._replace(next_seq=state.next_seq + 1, head=head, held=(*state.held, frame.data)), NOTHING


def _show(state: AnswerState, head: Head, data: bytes, last: bool) -> Step:
    after = AnswerState(
        attempt=state.attempt,
        next_seq=state.next_seq + 1,
        head=head,
        head_shown=True,
        data_shown=state.data_shown or bool(data),
        ended=last,
        settled=last,
    )
    return after, Part(None if state.head_shown else head, data, Complete() if last else None)


def _failed(state: AnswerState, frame: Frame, terminal: Terminal) -> Step:
    after = state._replace(held=(), ended=True, settled=True)
    if not state.head_shown and frame.seq == 0 and frame.head.http_status >= 400 and frame.data:
        return after, Part(frame.head, frame.data, Complete())
    return after, Part(end=_error_of(terminal))


def _error_of(terminal: Terminal) -> ErrorAnswer:
    default, code = _FAILURES.get(terminal.outcome, (502, "failed"))
    status = terminal.http_status or default
    kind = INVALID_REQUEST if status < 500 else SERVER_ERROR
    reason = terminal.reason or "The request could not be answered."
    return ErrorAnswer(status, reason, kind, code, retry_after_s=RETRY_AFTER_S if status in (429, 503) else 0)


def _broken(state: AnswerState, reason: str) -> Step:
    return state._replace(held=(), ended=True), Part(end=errors.answer_broken(reason))
