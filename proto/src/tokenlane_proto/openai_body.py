"""The one parse of an OpenAI body: is it JSON, and what does the budget need of it?

Unknown fields are skipped, not built: the body itself goes to the engine, which knows them.
"""

import msgspec

from tokenlane.v1.request_pb2 import Endpoint, Facts
from tokenlane_proto.errors import MalformedMessageError

_ABSENT = msgspec.Raw(b"")


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Body(msgspec.Struct):
    model: str
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    messages: msgspec.Raw = _ABSENT
    prompt: msgspec.Raw = _ABSENT


_decoder: msgspec.json.Decoder[_Body] = msgspec.json.Decoder(_Body)
_UINT32_MAX = 2**32 - 1
# OpenAI's own limit. More would hold a lane until a whole engine is free.
MAX_CHOICES = 128


def read_facts(body: bytes, endpoint: Endpoint | None = None) -> tuple[Endpoint, Facts]:
    """Check `body` and return its endpoint and facts. Without `endpoint` it follows from the fields: `messages` or
    `prompt`. Raises MalformedMessageError."""
    parsed = _decode(body)
    found = _endpoint_of(parsed) if endpoint is None else endpoint
    required = "messages" if found == Endpoint.ENDPOINT_CHAT_COMPLETIONS else "prompt"
    if not getattr(parsed, required):
        raise MalformedMessageError(f"missing required field '{required}'", required)
    facts = Facts(
        model=parsed.model,
        stream=bool(parsed.stream),
        include_usage=bool(parsed.stream_options and parsed.stream_options.include_usage),
        choices=_positive(parsed.n, "n", MAX_CHOICES) or 1,
    )
    limit = _positive(parsed.max_completion_tokens, "max_completion_tokens")
    limit = limit or _positive(parsed.max_tokens, "max_tokens")
    if limit is not None:
        facts.max_output_tokens = limit
    return found, facts


def _decode(body: bytes) -> _Body:
    try:
        if not body.isascii():
            body.decode()
        return _decoder.decode(body)
    except UnicodeDecodeError as error:
        raise MalformedMessageError(f"the body is not valid UTF-8: {error.reason} at byte {error.start}") from None
    except msgspec.ValidationError as error:
        raise MalformedMessageError(str(error), _param_of(error)) from None
    except msgspec.DecodeError as error:
        raise MalformedMessageError(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise MalformedMessageError("the body is nested too deeply") from None


def _param_of(error: Exception) -> str | None:
    text = str(error)
    if "required field" in text:
        return text.split("`")[1]
    return text.rsplit("`$.", 1)[1].rstrip("`") if "`$." in text else None


def _positive(value: int | None, name: str, most: int = _UINT32_MAX) -> int | None:
    if value is None:
        return None
    if value < 1:
        raise MalformedMessageError(f"{name} must be at least 1, got {value}", name)
    if value > most:
        raise MalformedMessageError(f"{name} must be at most {most}, got {value}", name)
    return value


def _endpoint_of(parsed: _Body) -> Endpoint:
    if parsed.messages:
        return Endpoint.ENDPOINT_CHAT_COMPLETIONS
    if parsed.prompt:
        return Endpoint.ENDPOINT_COMPLETIONS
    raise MalformedMessageError("the body has neither 'messages' nor 'prompt'", "messages")
