"""The request that makes an engine go on from a text, and the end of an answer that has no room to go on."""

import msgspec

from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_proto import events
from tokenlane_worker.resume.begun import read_begun
from tokenlane_worker.resume.known import Known

# What an OpenAI server takes where a completion sets no max_tokens.
DEFAULT_COMPLETION_TOKENS = 16
_LIMITS = ("max_completion_tokens", "max_tokens")

_Fields = dict[str, msgspec.Raw]
_fields: msgspec.json.Decoder[_Fields] = msgspec.json.Decoder(_Fields)
_messages: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


def read_body(body: bytes) -> dict[str, object]:
    """The fields of an OpenAI body. Raises msgspec.DecodeError where it is no JSON; the door has checked that it is."""
    return msgspec.json.decode(body, type=dict[str, object])


def continuation_body(endpoint: Endpoint, body: bytes, text: str, tokens: int) -> bytes | None:
    """`body`, asking for what comes after `text`, which stands for `tokens` tokens of its answer. None where these are
    all that it allows. Fields that need no change keep their bytes."""
    if not text:
        return body
    fields = _fields.decode(body)
    if not _shorten(endpoint, fields, tokens):
        return None
    if endpoint == Endpoint.ENDPOINT_COMPLETIONS:
        fields["prompt"] = _raw(msgspec.json.decode(fields["prompt"], type=str) + text)
        return msgspec.json.encode(fields)
    messages = _messages.decode(fields["messages"])
    if _given(fields, "continue_final_message"):
        last = msgspec.json.decode(messages.pop(), type=dict[str, object])
        last["content"] = f"{last['content']}{text}"
    else:
        last = {"role": "assistant", "content": text}
    fields["messages"] = _raw([*messages, last])
    fields["continue_final_message"] = _raw(True)
    fields["add_generation_prompt"] = _raw(False)
    return msgspec.json.encode(fields)


def cut_off(known: Known) -> bytes:
    """The events that end a known beginning as one that reached `max_tokens`."""
    begun = read_begun(known.data)
    if begun is None or begun.done:
        return b""
    said = b'"delta":{}' if b"chat.completion" in begun.start else b'"text":""'
    return b'%b"choices":[{"index":0,%b,"logprobs":null,"finish_reason":"length"}]}\n\n%b' % (
        begun.start,
        said,
        events.DONE,
    )


def _shorten(endpoint: Endpoint, fields: _Fields, tokens: int) -> bool:
    """Take `tokens` off the limits; whether any are left."""
    if endpoint == Endpoint.ENDPOINT_COMPLETIONS and _given(fields, "max_tokens") is None:
        fields["max_tokens"] = _raw(DEFAULT_COMPLETION_TOKENS)
    given = {name: limit for name in _LIMITS if isinstance(limit := _given(fields, name), int)}
    if given and next(iter(given.values())) <= tokens:
        return False
    for name, limit in given.items():
        fields[name] = _raw(max(1, limit - tokens))
    least = _given(fields, "min_tokens")
    if isinstance(least, int):
        fields["min_tokens"] = _raw(max(0, least - tokens))
    return True


def _given(fields: _Fields, name: str) -> object:
    return msgspec.json.decode(fields[name]) if name in fields else None


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
