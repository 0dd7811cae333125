"""The one parse of an OpenAI body: is it JSON, and what does the budget need of it?

Unknown fields are skipped, not built: the body itself goes to the engine, which knows them.
"""

from typing import NamedTuple

import msgspec

from tokenlane.v1.request_pb2 import Endpoint, Facts
from tokenlane_proto import openai_shape as shape
from tokenlane_proto.errors import MalformedMessageError


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Fields(msgspec.Struct, kw_only=True):
    model: str
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    prompt: msgspec.Raw = shape.ABSENT
    tools: msgspec.Raw = shape.ABSENT
    functions: msgspec.Raw = shape.ABSENT
    response_format: msgspec.Raw = shape.ABSENT


class _Body(_Fields, kw_only=True):
    messages: list[shape.Message] | msgspec.UnsetType | None = msgspec.UNSET


class _AnyBody(_Fields, kw_only=True):
    messages: msgspec.Raw = shape.ABSENT


class _Parsed(NamedTuple):
    fields: _Fields
    has_messages: bool
    messages: list[shape.Message]


# A body whose messages are as the API has them is decoded once; any other a second time, for what else it says.
_decoder: msgspec.json.Decoder[_Body] = msgspec.json.Decoder(_Body)
_any_decoder: msgspec.json.Decoder[_AnyBody] = msgspec.json.Decoder(_AnyBody)
_UINT32_MAX = 2**32 - 1
# OpenAI's own limit. More would hold a lane until a whole engine is free.
MAX_CHOICES = 128


def read_facts(body: bytes, endpoint: Endpoint | None = None) -> tuple[Endpoint, Facts]:
    """Check `body` and return its endpoint and facts. Without `endpoint` it follows from the fields: `messages` or
    `prompt`. Raises MalformedMessageError."""
    parsed = _decode(body)
    fields = parsed.fields
    found = _endpoint_of(parsed) if endpoint is None else endpoint
    chat = found == Endpoint.ENDPOINT_CHAT_COMPLETIONS
    required = "messages" if chat else "prompt"
    if not (parsed.has_messages if chat else fields.prompt):
        raise MalformedMessageError(f"missing required field '{required}'", required)
    facts = Facts(
        model=fields.model,
        stream=bool(fields.stream),
        include_usage=bool(fields.stream_options and fields.stream_options.include_usage),
        choices=_positive(fields.n, "n", MAX_CHOICES) or 1,
    )
    limit = _positive(fields.max_completion_tokens, "max_completion_tokens")
    limit = limit or _positive(fields.max_tokens, "max_tokens")
    if limit is not None:
        facts.max_output_tokens = limit
    if chat:
        _tell_shape(facts, fields, parsed.messages)
    return found, facts


def _tell_shape(facts: Facts, fields: _Fields, messages: list[shape.Message]) -> None:
    facts.messages = len(messages)
    if messages:
        system = shape.system_texts(messages)
        facts.system_hash = shape.hash_of(system)
        facts.system_bytes = sum(map(shape.size_of, system)) if facts.system_hash else 0
        media = shape.media_in(messages)
        if media.parts:
            facts.media_parts, facts.media_bytes = media
    if fields.tools or fields.functions or fields.response_format:
        tools = [fields.tools, fields.functions, fields.response_format]
        facts.tools_hash = shape.hash_of(tools)
        facts.tools_bytes = sum(map(shape.size_of, tools))


def _decode(body: bytes) -> _Parsed:
    try:
        if not body.isascii():
            body.decode()
        return _known(body) or _any(body)
    except UnicodeDecodeError as error:
        raise MalformedMessageError(f"the body is not valid UTF-8: {error.reason} at byte {error.start}") from None
    except msgspec.ValidationError as error:
        raise MalformedMessageError(str(error), _param_of(error)) from None
    except msgspec.DecodeError as error:
        raise MalformedMessageError(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise MalformedMessageError("the body is nested too deeply") from None


def _known(body: bytes) -> _Parsed | None:
    if not shape.countable(body):
        return None
    try:
        parsed = _decoder.decode(body)
    except msgspec.ValidationError:
        return None
    messages = parsed.messages
    return _Parsed(parsed, messages is not msgspec.UNSET, messages if isinstance(messages, list) else [])


def _any(body: bytes) -> _Parsed:
    parsed = _any_decoder.decode(body)
    return _Parsed(parsed, bool(parsed.messages), [])


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


def _endpoint_of(parsed: _Parsed) -> Endpoint:
    if parsed.has_messages:
        return Endpoint.ENDPOINT_CHAT_COMPLETIONS
    if parsed.fields.prompt:
        return Endpoint.ENDPOINT_COMPLETIONS
    raise MalformedMessageError("the body has neither 'messages' nor 'prompt'", "messages")
