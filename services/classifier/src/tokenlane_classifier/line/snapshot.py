"""What must survive a restart, as bytes: who was served more than others, and what was taken of the buckets. Pure."""

import heapq
from collections.abc import Mapping

import msgspec

from tokenlane_classifier.line.limits import Accounts
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.waiting import Place, Priority

_VERSION = 1
# What others were served less counts half after this long. Unit: seconds.
_HALF_S = 300.0
# After this long nothing of it counts, and every bucket of a minute is full.
_STALE_S = 3_600.0
# Less is not worth a word. Unit: that of `Tariff`.
_LEAST = 1.0
# Tenants that are remembered of one place, or of the buckets: those with most. All of it is one message.
_MOST = 4_096


_Places = list[tuple[str, str, dict[str, float]]]


class _Snapshot(msgspec.Struct, array_like=True, frozen=True):
    version: int
    written_unix_ms: int
    lines: dict[str, dict[int, _Places]]
    taken: dict[str, float]


class _Head(msgspec.Struct, array_like=True, frozen=True):
    version: int


_decoder = msgspec.msgpack.Decoder(_Snapshot)
_head_decoder = msgspec.msgpack.Decoder(_Head)


def encode(lines: Mapping[str, Line], accounts: Accounts, now_s: float, now_unix_ms: int) -> bytes:
    """The lines by model, and the accounts."""
    written = {
        model: {int(priority): _places(line, priority) for priority in Priority} for model, line in lines.items()
    }
    return msgspec.msgpack.encode(_Snapshot(_VERSION, now_unix_ms, written, _largest(accounts.buckets(now_s))))


def restore(data: bytes, lines: Mapping[str, Line], accounts: Accounts, now_s: float, now_unix_ms: int) -> bool:
    """Into lines in which nothing waits yet, and accounts. Whether it was used: what is stale or of another version is
    not. Raises ValueError on what is no snapshot, and changes nothing then."""
    snapshot = _decoded(data)
    if snapshot is None:
        return False
    # A clock may be behind the writer's.
    age_s = max(0.0, (now_unix_ms - snapshot.written_unix_ms) / 1_000)
    if age_s > _STALE_S:
        return False
    for model, places in snapshot.lines.items():
        if model in lines:
            _restore(lines[model], places, 0.5 ** (age_s / _HALF_S))
    accounts.restore(snapshot.taken, age_s, now_s)
    return True


def _decoded(data: bytes) -> _Snapshot | None:
    try:
        return _decoder.decode(data) if _head_decoder.decode(data).version == _VERSION else None
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a snapshot of a line: {error}") from None


def _places(line: Line, priority: Priority) -> _Places:
    queues = line.tiers[priority].queues
    return [(place.lane, place.fits, _largest(_scaled(queue.ahead(), 1.0))) for place, queue in queues.items()]


def _restore(line: Line, places: Mapping[int, _Places], kept: float) -> None:
    for priority, tier in line.tiers.items():
        for lane, fits, ahead in places.get(int(priority), ()):
            tier.queue(Place(lane, fits)).restore(_scaled(ahead, kept))


def _largest(amounts: Mapping[str, float]) -> dict[str, float]:
    return dict(heapq.nlargest(_MOST, amounts.items(), key=lambda pair: pair[1]))


def _scaled(amounts: Mapping[str, float], kept: float) -> dict[str, float]:
    return {tenant: amount * kept for tenant, amount in amounts.items() if amount * kept >= _LEAST}
