"""What the beginning of a streamed answer says: its text, whether it is over, and whether text is all it is."""

from dataclasses import dataclass, field

import msgspec

from tokenlane_proto import events

_DATA = b"data: "
_CHOICES = b'"choices"'
_THINKING = ("<think>", "</think>")


class Choice(msgspec.Struct):
    """A choice of an event: `delta` in a chat, `text` in a completion."""

    index: int = 0
    delta: dict[str, object] | None = None
    text: str | None = None
    logprobs: object = None
    finish_reason: str | None = None

    @property
    def content(self) -> str:
        """The text that the event adds."""
        content = self.text if self.delta is None else self.delta.get("content")
        return content if isinstance(content, str) else ""

    @property
    def opening(self) -> bool:
        """It says who speaks, if anything."""
        return self.finish_reason is None and not self.content and set(self.delta or ()) <= _TEXT

    @property
    def said(self) -> object:
        """All that it says, but for what differs from one run of a request to another."""
        delta = dict(self.delta or {})
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            delta["tool_calls"] = [{**call, "id": None} if isinstance(call, dict) else call for call in calls]
        return self.index, delta, self.text, self.finish_reason

    @property
    def extras(self) -> list[str]:
        """What it holds beside text."""
        names = [name for name, value in (self.delta or {}).items() if name not in _TEXT and value not in (None, [])]
        return names + ["logprobs"] * (self.logprobs is not None)


_TEXT = {"role", "content"}


class Event(msgspec.Struct):
    """What is read of an event."""

    choices: list[Choice]
    id: str | None = None
    created: int | None = None


@dataclass
class Begun:
    """`events` of an answer, of which the first `opening` say at most who speaks; `pieces` is the text in each of the
    others, and `finished` are the choices that have ended. `start` is how each event begins, up to its choices.
    `why_not` says why the text is not all that matters, if it is not."""

    events: int = 0
    opening: int = 0
    pieces: list[str] = field(default_factory=list)
    finished: set[int] = field(default_factory=set)
    done: bool = False
    start: bytes = b""
    why_not: str | None = None

    @property
    def text(self) -> str:
        """All of the text."""
        return "".join(self.pieces)


_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def read_event(event: bytes) -> Event | None:
    """The JSON of a whole event. None for one without choices: a comment, [DONE], an error."""
    if not event.startswith(_DATA):
        return None
    try:
        return _decoder.decode(event[len(_DATA) :])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def start_of(event: bytes) -> bytes:
    """The bytes of an event before its choices."""
    return event[: max(0, event.find(_CHOICES))]


def read_begun(data: bytes) -> Begun | None:
    """What the whole events of `data` say, or None where one of them is not of OpenAI's API."""
    begun = Begun()
    for event in events.split(data):
        begun.events += 1
        if event == events.DONE:
            begun.done = True
        elif not event.startswith(b":") and not _add(begun, event):
            return None
    text = begun.text
    if any(mark in text for mark in _THINKING):
        begun.why_not = "it holds a train of thought"
    return begun


def _add(begun: Begun, event: bytes) -> bool:
    read = read_event(event)
    if read is None:
        return False
    begun.start = begun.start or start_of(event)
    if any(choice.index for choice in read.choices):
        begun.why_not = "it holds several choices"
    if read.choices and begun.opening == begun.events - 1 and all(choice.opening for choice in read.choices):
        begun.opening += 1
        return True
    for choice in read.choices:
        begun.pieces.append(choice.content)
        if choice.finish_reason is not None:
            begun.finished.add(choice.index)
        if choice.extras:
            begun.why_not = f"it holds {', '.join(choice.extras)}"
    return True
