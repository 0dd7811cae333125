"""How an answer fails, in OpenAI's terms. Pure."""

from typing import NamedTuple

import msgspec

INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"
CANCELLED = "cancelled"
DEADLINE_EXCEEDED = "deadline_exceeded"
STREAM_DIVERGED = "stream_diverged"
KEY_REUSED = "idempotency_key_reused"
ANSWER_BROKEN = "answer_broken"


class Failure(NamedTuple):
    """An error as the client gets it. `status`: the HTTP status; `type`, `code` and `param` as OpenAI has them.
    `retry_after_ms`: when the request would be let in, 0 where that was not said."""

    status: int
    message: str
    type: str
    code: str | None = None
    param: str | None = None
    retry_after_ms: int = 0


class _Error(msgspec.Struct):
    message: str = ""
    type: str | None = None
    code: str | int | None = None
    param: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error


_decoder: msgspec.json.Decoder[_ErrorBody] = msgspec.json.Decoder(_ErrorBody)


def type_of(status: int) -> str:
    """OpenAI's error type for an HTTP status, where nothing else tells it."""
    return INVALID_REQUEST if status < 500 else SERVER_ERROR


def from_body(status: int, body: bytes, retry_after_ms: int = 0) -> Failure:
    """The failure that an OpenAI error body tells; a body of another shape is the message itself."""
    try:
        error = _decoder.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Failure(status, body[:512].decode(errors="replace"), type_of(status), retry_after_ms=retry_after_ms)
    code = None if error.code is None else str(error.code)
    return Failure(status, error.message, error.type or type_of(status), code, error.param, retry_after_ms)


def broken(reason: str) -> Failure:
    """502: what came back cannot be shown as one answer."""
    return Failure(502, f"The answer broke off: {reason}.", SERVER_ERROR, ANSWER_BROKEN)


def diverged() -> Failure:
    """409: the answer that is there does not begin with what was shown."""
    text = "The answer differs from what was shown of it before. Ask anew, under another key."
    return Failure(409, text, INVALID_REQUEST, STREAM_DIVERGED)


def key_reused() -> Failure:
    """409: the key stands for a request with another body."""
    text = "The idempotency key was used before, for a request with another body."
    return Failure(409, text, INVALID_REQUEST, KEY_REUSED, "Idempotency-Key")
