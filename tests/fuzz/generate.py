"""Fuzzed bodies, headers and messages: hypothesis makes the seeds, a seeded mutator makes many of each."""

import json
import random
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.support.fleet import MODEL
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.recovery_pb2 import Attach, Progress, RequestStatus, Started
from tokenlane.v1.reply_pb2 import Frame, UsageEvent
from tokenlane.v1.request_pb2 import Request

T = TypeVar("T")

# Answers of the simulation are short, so that what is fuzzed is the way there.
_MOST_TOKENS = 8
_MESSAGES = (Request, Attach, Started, Progress, RequestStatus, Frame, UsageEvent, LaneProfile)
_HEADERS = (
    "x-request-id",
    "idempotency-key",
    "last-event-id",
    "x-tokenlane-timeout-ms",
    "traceparent",
    "tracestate",
    "content-type",
    "accept",
    "expect",
    "x-padding",
)

_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
_json = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
_message = st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "assistant", "tool"])}) | _json
_content = st.fixed_dictionaries(
    {"role": st.just("user"), "content": st.text(max_size=200) | st.lists(_json, max_size=3) | st.none()}
)
_field: dict[str, st.SearchStrategy[Any]] = {
    "model": st.just(MODEL) | _leaf,
    "messages": st.lists(_content | _message, max_size=4) | _json,
    "prompt": st.text(max_size=200) | st.lists(st.integers() | st.text(max_size=20), max_size=4) | _json,
    "max_tokens": st.integers(1, _MOST_TOKENS) | _leaf,
    "max_completion_tokens": _leaf,
    "n": st.integers(-1, 4) | _leaf,
    "stream": st.booleans() | _leaf,
    "stream_options": st.fixed_dictionaries({"include_usage": _leaf}) | _json,
    "stop": st.text(max_size=5) | st.lists(st.text(max_size=5), max_size=3) | _leaf,
    "temperature": _leaf,
    "logprobs": _leaf,
    "tools": _json,
    "tool_choice": st.sampled_from(["none", "auto", "required"]) | _json,
    "response_format": st.fixed_dictionaries({"type": st.sampled_from(["json_object", "text"])}) | _json,
    "seed": _leaf,
}
_fields = st.fixed_dictionaries({}, optional=_field)
_a_few = st.lists(st.one_of(*(st.tuples(st.just(name), value) for name, value in _field.items())), max_size=3).map(dict)
# Close to right, so that much of it gets far.
_nearly = _a_few.map(lambda fields: {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **fields})
_prompted = _a_few.map(lambda fields: {"model": MODEL, "prompt": "Hi", "max_tokens": _MOST_TOKENS, **fields})
_right = (_nearly | _prompted).map(lambda value: json.dumps(value).encode())
_wrong = (_fields | _json).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200)
_header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=300)
_header = st.tuples(st.sampled_from(_HEADERS), _header_text | st.integers().map(str) | st.just("key-1"))


def drawn(strategy: st.SearchStrategy[T], count: int, number: int) -> list[T]:
    """`count` examples of a strategy; the same `number` gives the same ones."""
    examples: list[T] = []

    @seed(number)
    @settings(
        max_examples=count // 20 + 1,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(strategy, min_size=20, max_size=20))
    def draw(some: list[T]) -> None:
        examples.extend(some)

    while len(examples) < count:
        draw()
    return examples[:count]


def bodies(count: int, number: int) -> list[bytes]:
    """OpenAI bodies: wrong in every way, some right."""
    seeds = drawn(_right, max(40, count // 15), number) + drawn(_wrong, max(20, count // 30), number)
    return _multiplied(seeds, count, number)


def header_sets(count: int, number: int) -> list[dict[str, str]]:
    """HTTP headers that the door reads, with anything in them."""
    return [dict(each) for each in drawn(st.lists(_header, max_size=3), count, number)]


def messages(count: int, number: int) -> list[bytes]:
    """Encoded messages of the bus, whole and broken, and bytes that are none."""
    fields = drawn(
        st.tuples(st.sampled_from(_MESSAGES), st.binary(max_size=60), st.integers(0, 3)), count // 20, number
    )
    encoded = [_message_of(kind, data, shape) for kind, data, shape in fields]
    return _multiplied(encoded, count, number)


def tokens(count: int, number: int) -> list[str]:
    """Subject tokens that a client may write."""
    return drawn(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), count, number)


def _message_of(kind: Callable[[], Any], data: bytes, shape: int) -> bytes:
    message = kind()
    if shape and isinstance(message, Request):
        message.request_id = "fuzz-" + data[:8].hex()
        message.body = json.dumps({"model": MODEL, "messages": [], "max_tokens": 1}).encode() if shape > 1 else data
        message.facts.model = MODEL
        message.reply_inbox = data[:20].decode("latin-1") if shape > 2 else ""
    elif shape:
        for field in message.DESCRIPTOR.fields:
            if field.cpp_type == field.CPPTYPE_UINT32 and not field.is_repeated:
                setattr(message, field.name, int.from_bytes(data[:4], "big"))
    encoded: bytes = message.SerializeToString()
    return encoded + (data if shape == 0 else b"")


def _multiplied(seeds: list[bytes], count: int, number: int) -> list[bytes]:
    source = random.Random(number)
    seeds = list(dict.fromkeys(seeds))
    return [*seeds, *(_mutated(source.choice(seeds), source) for _ in range(count - len(seeds)))][:count]


def _mutated(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data) + 1)
    match source.randrange(8):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + source.randbytes(source.randint(1, 8)) + data[at:]
        case 2 if data:
            flipped = bytearray(data)
            flipped[at % len(data)] ^= 1 << source.randrange(8)
            return bytes(flipped)
        case 3:
            return data[:at] + data[at // 2 :]
        case 4:
            return data.replace(b"8", b"99999999999999999999", 1)
        case 5:
            return data + data[:at]
        case _:
            return data.replace(b'"Hi"', json.dumps(chr(source.randrange(32, 0xD800)) * source.randint(0, 9)).encode())
