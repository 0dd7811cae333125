"""Token counts of an answer, read from its own bytes once it is over."""

from typing import Annotated, NamedTuple

import msgspec

from tokenlane.v1.reply_pb2 import Usage

_EVENT = b"data: "
_DONE = b"data: [DONE]"


class _Counts(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Body(msgspec.Struct):
    usage: _Counts | None = None


_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class _Details(msgspec.Struct):
    cached_tokens: _Count | None = None


class _Detailed(msgspec.Struct):
    prompt_tokens: _Count = 0
    prompt_tokens_details: _Details | None = None


class _DetailedBody(msgspec.Struct):
    usage: _Detailed | None = None


class Cached(NamedTuple):
    """Tokens of a prompt, and those of them that were in the engine's prefix cache."""

    prompt_tokens: int
    tokens: int


_decoder: msgspec.json.Decoder[_Body] = msgspec.json.Decoder(_Body)
_detailed: msgspec.json.Decoder[_DetailedBody] = msgspec.json.Decoder(_DetailedBody)


def of_body(body: bytes) -> Usage | None:
    """Usage of an answer that was not streamed."""
    return _reported(body)


def of_stream(body: bytes, estimated_prompt_tokens: int) -> Usage:
    """Usage of a stream: from its last event before [DONE], else by counting events."""
    start, end = _last(body)
    reported = _reported(body[start:end]) if start else None
    if reported is not None:
        return reported
    events = body.count(_EVENT, 0, end)
    return Usage(prompt_tokens=estimated_prompt_tokens, completion_tokens=events, estimated=True)


def cached(body: bytes, streamed: bool) -> Cached | None:
    """What an answer tells of its prompt in the prefix cache (`usage.prompt_tokens_details.cached_tokens`)."""
    if streamed:
        start, end = _last(body)
        body = body[start:end]
    try:
        usage = _detailed.decode(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    details = usage.prompt_tokens_details if usage else None
    if usage is None or details is None or details.cached_tokens is None:
        return None
    return Cached(usage.prompt_tokens, details.cached_tokens)


def _last(body: bytes) -> tuple[int, int]:
    """Where the last event before [DONE] begins and ends, its name apart; a beginning of 0: there is none."""
    end = body.rfind(_DONE)
    end = len(body) if end < 0 else end
    start = body.rfind(_EVENT, 0, end)
    return (start + len(_EVENT) if start >= 0 else 0), end


def _reported(body: bytes) -> Usage | None:
    try:
        counts = _decoder.decode(body).usage
    except msgspec.DecodeError:
        return None
    if counts is None:
        return None
    return Usage(prompt_tokens=counts.prompt_tokens, completion_tokens=counts.completion_tokens)
