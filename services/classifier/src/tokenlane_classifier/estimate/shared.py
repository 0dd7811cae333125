"""The estimates in pieces that replicas share: small enough that writing one does not hold the others up. Pure."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

# Of the keys. Another version's snapshots are left to its own replicas.
_VERSION = 1


class Shared(Protocol):
    """What can be written in pieces and merged from them: the same piece twice changes nothing, and of two that know
    the same thing, the one with more evidence is kept."""

    @property
    def shards(self) -> int:
        """How many pieces."""
        ...

    def dump(self, shard: int) -> bytes:
        """One piece."""
        ...

    def absorb(self, shard: int, data: bytes) -> None:
        """Merge a piece. Raises ValueError on what is none."""
        ...


class Shard(NamedTuple):
    """A piece of an estimator, and the key it is kept under."""

    key: str
    estimator: Shared
    number: int

    def dump(self) -> bytes:
        """Its bytes now."""
        return self.estimator.dump(self.number)

    def absorb(self, data: bytes) -> None:
        """Merge another's. Raises ValueError."""
        self.estimator.absorb(self.number, data)


class Snapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A piece as it is kept. Unit of `written_unix_ms`: milliseconds since the Unix epoch, on its writer's clock."""

    written_unix_ms: int
    writer: str
    data: bytes


_decoder: msgspec.msgpack.Decoder[Snapshot] = msgspec.msgpack.Decoder(Snapshot)


def shards_of(estimators: Mapping[str, Shared]) -> tuple[Shard, ...]:
    """All pieces, those of each estimator after one another."""
    return tuple(
        Shard(f"v{_VERSION}.{name}.{estimator.shards}.{number}", estimator, number)
        for name, estimator in estimators.items()
        for number in range(estimator.shards)
    )


def encode(snapshot: Snapshot) -> bytes:
    """The bytes to keep."""
    return msgspec.msgpack.encode(snapshot)


def decode(value: bytes) -> Snapshot:
    """The inverse of `encode`. Raises ValueError."""
    return _decoder.decode(value)
