"""Sinks that join what a new attempt says to what was shown of an earlier one, so that it reads as one answer."""

import re
from collections import deque

import msgspec

from tokenlane_proto import events
from tokenlane_worker.engine.protocol import Sink
from tokenlane_worker.rerouting import says_too_short
from tokenlane_worker.resume.begun import Choice, Event, read_begun, read_event, start_of
from tokenlane_worker.resume.known import Known

_EVENT_STREAM = "text/event-stream"
# Of a refusal's reason that is told.
_REASON_BYTES = 300
_USAGE = b'"usage":{'
_TEXT = re.compile(rb'"(?:content|text)":\s*("(?:[^"\\]|\\.)*")')
_PROMPT_TOKENS = re.compile(rb'("prompt_tokens":\s*)(\d+)')
_COMPLETION_TOKENS = re.compile(rb'("completion_tokens":\s*)(\d+)')


class DivergedError(Exception):
    """The new attempt does not go on with what was shown: it answers with something else, or refuses to. `too_short`:
    the engine's context does not hold what was shown."""

    def __init__(self, reason: str, too_short: bool = False) -> None:
        super().__init__(reason)
        self.too_short = too_short


class ContinuedSink:
    """A Sink in front of the answer's, for an engine that was asked to go on from a text of `tokens` tokens, or to
    begin anew where only opening events were shown.

    Opening events that were shown are dropped, and the text `again`, which was shown and has to come again. The rest
    gets the id and the time of the first attempt, and the usage counts the text as output. Nothing is passed on before
    all of `again` has come.
    """

    def __init__(self, sink: Sink, known: Known, tokens: int = 0, again: str = "") -> None:
        begun = read_begun(known.data)
        self._sink = sink
        self._tokens = tokens
        self._again = again
        self._openings = begun.opening if begun else 0
        self._stamp = _Stamp(begun.start if begun else b"")
        self._head: tuple[int, str] | None = None
        self._refused = False

    def head(self, status: int, content_type: str) -> None:
        """Raises DivergedError where no stream comes, save a refusal: that is raised once its reason is known."""
        self._refused = 400 <= status < 500
        if not self._refused:
            _check_stream(status, content_type)
        self._head = (status, content_type)

    def end(self) -> None:
        """The engine has said all. Raises DivergedError where that was a refusal without a reason."""
        if self._refused:
            _check_stream(*(self._head or (0, "")))

    def data(self, chunk: bytes) -> None:
        """Whole events. Raises DivergedError where something else comes than `again`."""
        if self._refused and self._head is not None:
            status = self._head[0]
            said = chunk[:_REASON_BYTES].decode("utf-8", "replace")
            raise DivergedError(f"asked to go on, the engine answered {status}: {said}", says_too_short(status, chunk))
        joined = b"".join(self._event(event) for event in events.split(chunk))
        if not joined:
            return
        if self._head is not None:
            self._sink.head(*self._head)
            self._head = None
        self._sink.data(joined)

    def _event(self, event: bytes) -> bytes:
        unread = not (self._openings or self._again) and self._stamp.known_to(event)
        read = None if unread else read_event(event)
        if self._openings and read is not None:
            if read.choices and all(choice.opening for choice in read.choices):
                self._openings -= 1
                return b""
            self._openings = 0
        if self._again:
            event = self._swallow(event, read)
        if self._tokens and _USAGE in event:
            event = _counted(event, self._tokens)
        return self._stamp.put(event, read)

    def _swallow(self, event: bytes, read: Event | None) -> bytes:
        """`event` without what it says again."""
        if event.startswith(b":"):
            return b""
        choice = read.choices[0] if read is not None and read.choices else None
        said = choice.content if choice is not None else ""
        over = choice is None or choice.finish_reason is not None
        if said.startswith(self._again):
            rest = said[len(self._again) :]
            self._again = ""
            return _saying(event, said, rest) if rest or over else b""
        if over or not self._again.startswith(said):
            raise DivergedError("the engine says something else than what was shown")
        self._again = self._again[len(said) :]
        return b""


class RegeneratedSink:
    """A Sink in front of the answer's, for an engine that runs the same request again. What is known is compared and
    swallowed, and what follows gets the id and the time of the first attempt.

    Where the text of one choice is all there is, text is compared: the engine may cut it into other events. Else each
    choice event by event, but for what differs between two runs that say the same: log probabilities, and the ids of
    tool calls.
    """

    def __init__(self, sink: Sink, known: Known) -> None:
        begun = read_begun(known.data)
        self._sink = sink
        self._shown: dict[int, deque[object]] = {}
        self._stamp = _Stamp(begun.start if begun else b"")
        if begun is not None and begun.why_not is None and not begun.finished:
            self._sink = ContinuedSink(sink, known, again=begun.text)
            self._stamp = _Stamp(b"")
            return
        for event in events.split(known.data):
            read = read_event(event)
            for choice in read.choices if read is not None else ():
                self._shown.setdefault(choice.index, deque()).append(choice.said)

    def head(self, status: int, content_type: str) -> None:
        """Raises DivergedError where no stream comes."""
        _check_stream(status, content_type)
        self._sink.head(status, content_type)

    def data(self, chunk: bytes) -> None:
        """Whole events. Raises DivergedError at the first that differs from what was shown."""
        fresh = b"".join(self._event(event) for event in events.split(chunk))
        if fresh:
            self._sink.data(fresh)

    def _event(self, event: bytes) -> bytes:
        read = None if not self._shown and self._stamp.known_to(event) else read_event(event)
        if self._shown and not event.startswith(b":"):
            if read is None or not read.choices:
                raise DivergedError("the answer ended before all that was shown")
            if read.choices[0].index in self._shown:
                self._swallow(read.choices)
                return b""
        return self._stamp.put(event, read)

    def _swallow(self, choices: list[Choice]) -> None:
        for choice in choices:
            left = self._shown.get(choice.index)
            if not left or left.popleft() != choice.said:
                raise DivergedError(f"choice {choice.index} is not the one that was shown")
            if not left:
                del self._shown[choice.index]


class _Stamp:
    """Gives events the beginning, up to their choices, that those of the first attempt had."""

    def __init__(self, first: bytes) -> None:
        self._first = first
        self._own = b""

    def known_to(self, event: bytes) -> bool:
        """Whether `event` can be given its beginning without being read."""
        return bool(self._own) and event.startswith(self._own)

    def put(self, event: bytes, read: Event | None) -> bytes:
        """`event` with the first attempt's beginning. `read`: what it says, unless it is `known_to` this."""
        if not self._first:
            return event
        if read is not None:
            self._own = start_of(event)
        return self._first + event[len(self._own) :] if self.known_to(event) else event


def _check_stream(status: int, content_type: str) -> None:
    if status != 200 or not content_type.startswith(_EVENT_STREAM):
        raise DivergedError(f"asked to go on, the engine answered {status} ({content_type})")


def _saying(event: bytes, said: str, rest: str) -> bytes:
    """`event`, which says `said`, saying `rest`. Raises DivergedError if its text cannot be found."""
    for found in _TEXT.finditer(event):
        if msgspec.json.decode(found[1], type=str) == said:
            return event[: found.start(1)] + msgspec.json.encode(rest) + event[found.end(1) :]
    raise DivergedError("the engine's event cannot be cut")


def _counted(event: bytes, tokens: int) -> bytes:
    """`event` with `tokens` moved from the prompt to the completion."""
    at = event.index(_USAGE)
    usage = _PROMPT_TOKENS.sub(lambda found: b"%b%d" % (found[1], max(0, int(found[2]) - tokens)), event[at:])
    return event[:at] + _COMPLETION_TOKENS.sub(lambda found: b"%b%d" % (found[1], int(found[2]) + tokens), usage)
