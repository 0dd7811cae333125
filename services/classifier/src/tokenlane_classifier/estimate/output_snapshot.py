"""What is known of outputs, as bytes that another process absorbs. Pure."""

import math
import struct
from collections.abc import Iterable

import msgspec

from tokenlane_classifier.estimate.calibration import in_range
from tokenlane_classifier.estimate.output_keys import Key, is_key, learns_priors, shard_of
from tokenlane_classifier.estimate.output_nodes import SHARDS, Node, Nodes
from tokenlane_classifier.estimate.output_priors import Priors
from tokenlane_classifier.estimate.sketch import ACCURACY, MOST_BINS, Sketch, Weights

_VERSION = 1
# Bins of 2**±31 tokens; a weight is counted in values of one moment.
_FARTHEST_BIN = 1_024
_LARGEST_WEIGHT = 2.0**64
_WORST_SCORE = 1e6


class _Entry(msgspec.Struct, array_like=True, frozen=True):
    """A distribution. `weights`: 32-bit floats, little-endian. `scores`: of a tenant's priors, else empty."""

    key: tuple[str | int, ...]
    seen_ms: int
    first: int
    weights: bytes
    offset: float
    scores: list[list[float]]


class _Snapshot(msgspec.Struct, array_like=True, frozen=True):
    """A shard. Bins of another accuracy hold other values."""

    version: int
    accuracy: float
    entries: list[_Entry]


_decoder = msgspec.msgpack.Decoder(_Snapshot)


def dump(known: Iterable[tuple[Key, Node]]) -> bytes:
    """These distributions."""
    return msgspec.msgpack.encode(_Snapshot(_VERSION, ACCURACY, [_entry(key, node) for key, node in known]))


def absorb(nodes: Nodes, shard: int, data: bytes) -> None:
    """Put into `nodes` what `data` knows better. Raises ValueError, and changes nothing, for what is no dump of this
    shard."""
    try:
        snapshot = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no snapshot of output estimates: {error}") from error
    if (snapshot.version, snapshot.accuracy) != (_VERSION, ACCURACY):
        raise ValueError(
            f"a snapshot of version {snapshot.version} with accuracy {snapshot.accuracy}, this is version {_VERSION} "
            f"with {ACCURACY}"
        )
    for entry, node in [(entry, _node(entry, shard)) for entry in snapshot.entries]:
        nodes.keep(entry.key, node)


def _entry(key: Key, node: Node) -> _Entry:
    seen_ms, first, bins = node.sketch.weights()
    scores = node.priors.scores if node.priors else []
    return _Entry(key, seen_ms, first, struct.pack(f"<{len(bins)}f", *bins), node.offset, scores)


def _node(entry: _Entry, shard: int) -> Node:
    key = entry.key
    if not is_key(key) or shard_of(key, SHARDS) != shard or not in_range(entry.offset):
        raise ValueError(f"a snapshot of output estimates has a wrong entry: {key!r:.100}")
    if not all(-_WORST_SCORE <= score <= _WORST_SCORE for own in entry.scores for score in own):
        raise ValueError(f"a snapshot of output estimates has wrong scores: {key!r:.100}")
    priors = Priors(entry.scores) if learns_priors(key) else None
    return Node(Sketch.of(_weights(entry)), entry.offset, priors, shard)


def _weights(entry: _Entry) -> Weights:
    size = len(entry.weights) // 4
    if len(entry.weights) != 4 * size or not 0 < size <= MOST_BINS or not 0 <= entry.first <= _FARTHEST_BIN:
        raise ValueError(f"a snapshot of output estimates has wrong bins: {entry.key!r:.100}")
    bins = list(struct.unpack(f"<{size}f", entry.weights))
    if not all(0.0 <= weight <= _LARGEST_WEIGHT for weight in bins) or not math.fsum(bins):
        raise ValueError(f"a snapshot of output estimates has wrong weights: {entry.key!r:.100}")
    return Weights(entry.seen_ms, entry.first, bins)
