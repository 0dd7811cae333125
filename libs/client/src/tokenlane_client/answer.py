"""What each frame of an answer means for its reader. Pure.

An event must never be lost, doubled or shown out of order, and a reader must see one answer, whatever the attempts:

- frames of an attempt lower than the highest seen are dropped;
- a streamed answer is shown by position: events that were shown are skipped, and a frame that begins beyond what was
  shown means that something was missed;
- any other answer is shown once it is whole, so that a failure still has its status;
- an end that does not fit what was shown was missed too: the stored result tells the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal
from tokenlane_client import failure
from tokenlane_client.failure import Failure
from tokenlane_proto import events, headers
from tokenlane_proto.events import EVENT_STREAM

_FAILURES = {
    Outcome.OUTCOME_FAILED: (502, "failed"),
    Outcome.OUTCOME_CANCELLED: (499, failure.CANCELLED),
    Outcome.OUTCOME_EXPIRED: (504, failure.DEADLINE_EXCEEDED),
}
_COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Complete:
    """The answer is whole. What it took in tokens, where an engine counted it. `retry_after_ms`: as in `Failure`, of an
    answer that is an error."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    retry_after_ms: int = 0


End = Complete | Failure


class Part(NamedTuple):
    """What to show now. `head` comes once, with or before the first data; `end` comes once, last. `missed`: nothing can
    be shown before what is missing was fetched."""

    head: Head | None = None
    data: bytes = b""
    end: End | None = None
    missed: bool = False


class AnswerState(NamedTuple):
    """How far the answer is."""

    # The highest attempt seen.
    attempt: int = 0
    # Server-sent events shown, over all attempts.
    events: int = 0
    # The head, once it was shown.
    head: Head | None = None
    # No frame changes anything any more.
    ended: bool = False
    # The request's end was seen: nobody works on it any more.
    settled: bool = False


def failure_in(part: Part, head: Head) -> Failure:
    """The failure that an answer with an error's status tells."""
    return failure.from_body(head.http_status, part.data, part.end.retry_after_ms if part.end else 0)


NOTHING = Part()
MISSED = Part(missed=True)
COMPLETE = Complete()
Step = tuple[AnswerState, Part]


def step(state: AnswerState, frame: Frame) -> Step:
    """The state after `frame`, and what the reader sees of it."""
    attempt = frame.attempt
    if state.ended or attempt < state.attempt:
        return state, NOTHING
    if attempt > state.attempt:
        state = state._replace(attempt=attempt)
    last = frame.HasField("terminal")
    if last and frame.terminal.outcome != Outcome.OUTCOME_COMPLETED:
        return _failed(state, frame, frame.terminal)
    head = frame.head if frame.HasField("head") else state.head
    if head is None:
        return state, MISSED
    if head.content_type.startswith(EVENT_STREAM):
        return _stream(state, state.head or head, frame, last)
    if state.head is not None:
        return _broken(state, "another attempt answered differently")
    # Such an answer comes in one frame.
    return (_end(state), Part(head, frame.data, _complete(frame.terminal))) if last else (state, NOTHING)


def from_store(state: AnswerState, body: bytes, fields: Mapping[str, str], digest: int | None) -> Step:
    """The state after the stored result was found, and what the reader sees of it. `digest`: of the events shown, None
    if it is not known."""
    head = stored_head(fields)
    if state.ended:
        return state._replace(settled=True), NOTHING
    if not head.content_type.startswith(EVENT_STREAM) or fields.get(headers.OUTCOME) != _COMPLETED:
        if state.head is None:
            return _end(state), Part(head, body, _stored_complete(fields))
        if head.http_status < 400:
            return _end(state), Part(end=failure.broken("another attempt answered differently"))
        retry_after_ms = _number(fields, headers.RETRY_AFTER_MS)
        return _end(state), Part(end=failure.from_body(head.http_status, body, retry_after_ms))
    rest = events.skip(body, state.events)
    if state.events and digest is not None and events.digest(body[: len(body) - len(rest)]) != digest:
        return _end(state), Part(end=failure.diverged())
    after = _end(state)._replace(events=state.events + events.count(rest), head=state.head or head)
    return after, Part(head if state.head is None else None, rest, COMPLETE)


def stored_head(fields: Mapping[str, str]) -> Head:
    """The head of an answer from the headers of its stored result."""
    return Head(
        http_status=_number(fields, headers.STATUS) or 200,
        content_type=fields.get(headers.CONTENT_TYPE, "application/json"),
        lane=fields.get(headers.LANE, ""),
        budget_tokens=_number(fields, headers.BUDGET_TOKENS),
        simulated=fields.get(headers.SIMULATED) == "true",
    )


def _stream(state: AnswerState, head: Head, frame: Frame, last: bool) -> Step:
    first, shown, data = frame.first_event, state.events, frame.data
    if first > shown:
        return state, MISSED
    reached = first + events.count(data)
    # A stream without any event is none: such an end only tells that the result is stored.
    if last and (reached < shown or not (reached or data)):
        return state, MISSED
    if first < shown:
        data = events.skip(data, shown - first)
        reached = max(reached, shown)
    after = AnswerState(state.attempt, reached, head, last, last)
    return after, Part(head if state.head is None else None, data, COMPLETE if last else None)


def _failed(state: AnswerState, frame: Frame, terminal: Terminal) -> Step:
    if state.head is None and frame.head.http_status >= 400 and frame.data:
        return _end(state), Part(frame.head, frame.data, Complete(retry_after_ms=terminal.retry_after_ms))
    # What came before the failure; a body of its own is not part of a stream.
    fits = state.head is not None and frame.first_event == state.events and not frame.HasField("head")
    data = frame.data if fits else b""
    after = _end(state)._replace(events=state.events + events.count(data))
    return after, Part(data=data, end=_failure_of(terminal))


def _failure_of(terminal: Terminal) -> Failure:
    default, code = _FAILURES.get(terminal.outcome, (502, "failed"))
    status = terminal.http_status or default
    reason = terminal.reason or "The request could not be answered."
    error_type = terminal.error_type or failure.type_of(status)
    return Failure(status, reason, error_type, terminal.code or code, retry_after_ms=terminal.retry_after_ms)


def _broken(state: AnswerState, reason: str) -> Step:
    return state._replace(ended=True), Part(end=failure.broken(reason))


def _end(state: AnswerState) -> AnswerState:
    return state._replace(ended=True, settled=True)


def _complete(terminal: Terminal) -> Complete:
    if not terminal.HasField("usage"):
        return COMPLETE
    return Complete(terminal.usage.prompt_tokens, terminal.usage.completion_tokens)


def _stored_complete(fields: Mapping[str, str]) -> Complete:
    if headers.COMPLETION_TOKENS not in fields:
        return Complete(retry_after_ms=_number(fields, headers.RETRY_AFTER_MS))
    return Complete(_number(fields, headers.PROMPT_TOKENS), _number(fields, headers.COMPLETION_TOKENS))


def _number(fields: Mapping[str, str], name: str) -> int:
    text = fields.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0
