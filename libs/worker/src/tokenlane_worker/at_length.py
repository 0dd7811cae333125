"""Ends of answers at "length": found, and kept back until it is known whether the answer goes on elsewhere."""

import msgspec

from tokenlane_proto import events
from tokenlane_worker.engine.protocol import Sink
from tokenlane_worker.overrun import Tokens
from tokenlane_worker.resume.begun import read_event

# Also the name of a key or an alternative among log probabilities; inside of a text its quotation marks are escaped.
_LENGTH = b'"length"'


class _Counts(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Whole(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Counts | None = None


_whole: msgspec.json.Decoder[_Whole] = msgspec.json.Decoder(_Whole)


class LengthHeld:
    """A Sink in front of the answer's that keeps back what comes from an end at "length" on: `ending`. A stream in
    which a choice goes on after the end of another is passed on as it is."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._several = False
        self.ending = b""

    def head(self, status: int, content_type: str) -> None:
        self._sink.head(status, content_type)

    def data(self, chunk: bytes) -> None:
        if not self.ending:
            if _LENGTH in chunk and not self._several:
                chunk, self.ending = cut_at_length(chunk)
            if chunk:
                self._sink.data(chunk)
        else:
            self.ending += chunk
        if self.ending and _goes_on(self.ending):
            self._several = True
            self.release()

    def release(self) -> None:
        """Pass on what was kept back."""
        ending, self.ending = self.ending, b""
        if ending:
            self._sink.data(ending)


def cut_at_length(chunk: bytes) -> tuple[bytes, bytes]:
    """Whole events, before the first in which a choice ends at "length", and from there on."""
    at = 0
    for event in events.split(chunk):
        if _LENGTH in event and _ends_at_length(event):
            return chunk[:at], chunk[at:]
        at += len(event)
    return chunk, b""


def whole_at_length(body: bytes, choices: int) -> Tokens | None:
    """What an answer that was not streamed took, if a choice of it ended at "length" and it says."""
    if _LENGTH not in body:
        return None
    try:
        read = _whole.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if read.usage is None or all(choice.finish_reason != "length" for choice in read.choices):
        return None
    return Tokens(read.usage.prompt_tokens, read.usage.completion_tokens, choices)


def _ends_at_length(event: bytes) -> bool:
    read = read_event(event)
    return read is not None and any(choice.finish_reason == "length" for choice in read.choices)


def _goes_on(ending: bytes) -> bool:
    """Whether a choice speaks behind the first event of `ending`."""
    for event in events.split(ending)[1:]:
        read = read_event(event)
        if read is not None and read.choices:
            return True
    return False
