"""What was learned of prompts as bytes, and back: MessagePack with a version. Pure."""

import hashlib
import math
import sys
from array import array
from collections.abc import Iterable, Mapping

import msgspec

from tokenlane_classifier.estimate.features import SIZE
from tokenlane_classifier.estimate.prompt_model import Kind

# Another number means other features: what they weigh is not comparable.
_VERSION = 1


class _Kind(msgspec.Struct, array_like=True, frozen=True):
    observations: int
    spread: float
    ratio: float
    ratio_spread: float
    growth: float
    a: bytes
    b: bytes


class _Snapshot(msgspec.Struct, array_like=True, frozen=True):
    version: int
    size: int
    models: dict[str, dict[str, _Kind]]


class _Head(msgspec.Struct, array_like=True, frozen=True):
    version: int
    size: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Snapshot)
_head_decoder = msgspec.msgpack.Decoder(_Head)


def shard_of(model: str, shards: int) -> int:
    """The same for every replica."""
    return hashlib.blake2b(model.encode(), digest_size=2).digest()[0] % shards


def encode(models: Mapping[str, Mapping[str, Kind]]) -> bytes:
    """All kinds of text of these models."""
    written = {name: {category: _written(kind) for category, kind in kinds.items()} for name, kinds in models.items()}
    return _encoder.encode(_Snapshot(_VERSION, SIZE, written))


def decode(data: bytes, categories: Iterable[str]) -> dict[str, dict[str, Kind]]:
    """What `encode` wrote, less categories that are not known here. Of another version: nothing. Raises ValueError."""
    try:
        head = _head_decoder.decode(data)
        if (head.version, head.size) != (_VERSION, SIZE):
            return {}
        models = _decoder.decode(data).models
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a snapshot of prompt estimates: {error}") from None
    return {
        name: {category: _read(kind) for category, kind in kinds.items() if category in categories}
        for name, kinds in models.items()
    }


def _written(kind: Kind) -> _Kind:
    moments = kind.moments
    return _Kind(
        kind.observations,
        kind.spread,
        kind.ratio,
        kind.ratio_spread,
        moments.growth,
        _little(moments.a).tobytes(),
        _little(moments.b).tobytes(),
    )


def _read(written: _Kind) -> Kind:
    kind = Kind()
    a, b = _numbers(written.a, len(kind.moments.a)), _numbers(written.b, SIZE)
    plain = (written.spread, written.ratio, written.ratio_spread, written.growth)
    if written.observations < 1 or written.growth <= 0 or not all(map(math.isfinite, (*plain, *a, *b))):
        raise ValueError("not a snapshot of prompt estimates: impossible numbers")
    kind.observations, kind.spread, kind.ratio, kind.ratio_spread = written.observations, *plain[:3]
    kind.moments.a, kind.moments.b, kind.moments.growth = a, b, written.growth
    return kind


def _numbers(data: bytes, length: int) -> "array[float]":
    if len(data) != 8 * length:
        raise ValueError(f"not a snapshot of prompt estimates: {len(data)} bytes for {length} numbers")
    return _little(array("d", data))


def _little(numbers: "array[float]") -> "array[float]":
    if sys.byteorder == "little":
        return numbers
    swapped = array("d", numbers)
    swapped.byteswap()
    return swapped
