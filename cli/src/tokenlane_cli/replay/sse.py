"""Counting server-sent events in passing, without parsing each: a load generator must not be the load."""

import json
from collections import deque
from dataclasses import dataclass

# The usage event and the end mark are among the last chunks, however the network cut them.
_KEPT_CHUNKS = 16


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended. Token counts None: the engine did not say. `error` empty: it ended as it should."""

    prompt_tokens: int | None = None
    output_tokens: int | None = None
    error: str = ""


class EventCounter:
    """Fed with the chunks of a stream. A raw double newline ends an event: inside JSON it is escaped. What begins with
    a colon is a comment."""

    def __init__(self) -> None:
        self._ended = self._comments = 0
        self._open_newline, self._fresh = False, True
        self._tail: deque[bytes] = deque(maxlen=_KEPT_CHUNKS)

    @property
    def events(self) -> int:
        """Events that came, without comments."""
        return max(0, self._ended - self._comments)

    def feed(self, chunk: bytes) -> None:
        """The next chunk, cut anywhere."""
        data = b"\n" + chunk if self._open_newline else chunk
        self._ended += data.count(b"\n\n")
        self._comments += data.count(b"\n\n:") + (self._fresh and data.startswith(b":"))
        self._fresh = data.endswith(b"\n\n") if data else self._fresh
        self._open_newline = data.endswith(b"\n") and not self._fresh
        self._tail.append(chunk)

    def end(self) -> StreamEnd:
        """What the last events say."""
        events = [event for event in b"".join(self._tail).split(b"\n\n") if event.startswith(b"data: ")]
        payloads = [event[6:].strip() for event in events]
        for payload in payloads:
            if payload.startswith(b'{"error"'):
                return StreamEnd(error=error_message(payload))
        if not payloads or payloads[-1] != b"[DONE]":
            return StreamEnd(error="the stream broke off")
        usage = next((found for payload in reversed(payloads) if (found := _usage(payload))), {})
        return StreamEnd(usage.get("prompt_tokens"), usage.get("completion_tokens"))


def error_message(body: bytes) -> str:
    """The message of an error body in OpenAI's shape, or its beginning."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return body[:200].decode(errors="replace").strip() or "empty answer"


def _usage(payload: bytes) -> dict[str, int]:
    if b'"usage"' not in payload:
        return {}
    try:
        return json.loads(payload)["usage"] or {}
    except (ValueError, LookupError, TypeError):
        return {}
