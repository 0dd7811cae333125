"""OpenAI requests as bytes, and bytes as the openai package's types. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
from openai import BaseModel
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tokenlane_client import failure
from tokenlane_client.errors import error_of

Body: TypeAlias = bytes | Mapping[str, object]
Answer: TypeAlias = ChatCompletion | Completion
Chunk: TypeAlias = ChatCompletionChunk | Completion

_DONE = b"[DONE]"
_MODELS: dict[object, type[Answer] | type[Chunk]] = {
    "chat.completion": ChatCompletion,
    "chat.completion.chunk": ChatCompletionChunk,
    "text_completion": Completion,
}


def encode(body: Body | None, params: Mapping[str, object], extra: Mapping[str, object] | None, stream: bool) -> bytes:
    """A request's body. Bytes go as they are; otherwise `stream` is set in it. Raises TypeError on what is no JSON."""
    if isinstance(body, bytes):
        if params or extra:
            raise TypeError("a body of bytes is complete: give no parameters beside it")
        return body
    fields = {**(body or {}), **params, **(extra or {})}
    if stream:
        fields["stream"] = True
    return msgspec.json.encode(fields, enc_hook=_plain)


def parse_answer(body: bytes) -> Answer | None:
    """An answer that was not streamed; None if the body is something else."""
    model = _parse(body)
    return model if isinstance(model, ChatCompletion | Completion) else None


def parse_event(event: bytes, request_id: str) -> Chunk | None:
    """A chunk from a server-sent event; None if it holds none. Raises RequestFailed for an error of the engine."""
    data = b"\n".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
    if not data or data == _DONE:
        return None
    model = _parse(data)
    if isinstance(model, ChatCompletionChunk | Completion):
        return model
    raise error_of(failure.from_body(502, data), request_id)


def _parse(body: bytes) -> BaseModel | None:
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    model = _MODELS.get(fields.get("object"))
    # Engines add fields of their own and leave some out: what is there is taken as it is.
    return model.construct(**fields) if model else None


def _plain(value: object) -> object:
    """A message of an earlier answer, or any iterable, as JSON has it."""
    if isinstance(value, BaseModel):
        return value.to_dict(mode="json")
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
