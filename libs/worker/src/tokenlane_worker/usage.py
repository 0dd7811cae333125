"""Token counts of an answer, read from its own bytes once it is over."""

import msgspec

from tokenlane.v1.reply_pb2 import Usage

_EVENT = b"data: "
_DONE = b"data: [DONE]"


class _Counts(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Body(msgspec.Struct):
    usage: _Counts | None = None


_decoder: msgspec.json.Decoder[_Body] = msgspec.json.Decoder(_Body)


def of_body(body: bytes) -> Usage | None:
    """Usage of an answer that was not streamed."""
    return _reported(body)


def of_stream(body: bytes, estimated_prompt_tokens: int) -> Usage:
    """Usage of a stream: from its last event before [DONE], else by counting events."""
    end = body.rfind(_DONE)
    end = len(body) if end < 0 else end
    start = body.rfind(_EVENT, 0, end)
    reported = _reported(body[start + len(_EVENT) : end]) if start >= 0 else None
    if reported is not None:
        return reported
    events = body.count(_EVENT, 0, end)
    return Usage(prompt_tokens=estimated_prompt_tokens, completion_tokens=events, estimated=True)


def _reported(body: bytes) -> Usage | None:
    try:
        counts = _decoder.decode(body).usage
    except msgspec.DecodeError:
        return None
    if counts is None:
        return None
    return Usage(prompt_tokens=counts.prompt_tokens, completion_tokens=counts.completion_tokens)
