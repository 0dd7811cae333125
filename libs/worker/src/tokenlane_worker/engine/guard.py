"""Keeps an engine's own collapse out of the answer.

When vLLM's engine core dies, its HTTP server still answers for a moment: 500 to those that wait, an error event to
those that stream. Passed on, that would end the request; held back, another worker can take it. So everything from the
first sign on is held until the caller knows whether the engine still stands.
"""

import msgspec

from tokenlane_worker.engine.protocol import Sink

ERROR_EVENT = b'data: {"error"'


class _Error(msgspec.Struct):
    code: int | str | None = None


class _ErrorEvent(msgspec.Struct):
    error: _Error


# What says "not now", whatever was asked: another engine, or this one later, may take it.
OVERLOADED = (429, 503)


class Guard:
    """A Sink in front of a Sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held_head: tuple[int, str] | None = None
        self._held: list[bytes] = []
        self.failed_status = 0
        """The status (5xx, 429) or error code that was held back; 0 if all went through."""

    def head(self, status: int, content_type: str) -> None:
        if status >= 500 or status in OVERLOADED:
            self.failed_status = status
            self._held_head = (status, content_type)
        else:
            self._sink.head(status, content_type)

    def data(self, chunk: bytes) -> None:
        if self.failed_status:
            self._held.append(chunk)
        elif ERROR_EVENT in chunk:
            self._split(chunk)
        else:
            self._sink.data(chunk)

    def release(self) -> None:
        """Pass on what was held."""
        if self._held_head is not None:
            self._sink.head(*self._held_head)
        if self._held:
            self._sink.data(b"".join(self._held))

    def _split(self, chunk: bytes) -> None:
        at = chunk.index(ERROR_EVENT)
        self.failed_status = event_error_code(chunk[at:])
        if not self.failed_status:
            self._sink.data(chunk)
            return
        if at:
            self._sink.data(chunk[:at])
        self._held.append(chunk[at:])


def event_error_code(event: bytes) -> int:
    """The code of an error event that blames the server (5xx), else 0."""
    line = event.removeprefix(b"data: ").partition(b"\n")[0].strip()
    try:
        code = msgspec.json.decode(line, type=_ErrorEvent).error.code
    except msgspec.MsgspecError:
        return 0
    return code if isinstance(code, int) and code >= 500 else 0
