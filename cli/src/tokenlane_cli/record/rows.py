"""Usage events as rows of a trace. Pure."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from tokenlane.v1.reply_pb2 import UsageEvent

# Events come in the order in which requests ended. How many are held back to bring them into that of their acceptance.
HELD_ROWS = 65_536


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the file. `timestamp`: milliseconds since the Unix epoch, when the door accepted the request."""

    timestamp: int
    input_length: int
    output_length: int
    tenant: str
    model: str
    lane: str
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is recorded. Empty: any. `counted_only`: not what the engine did not count."""

    since_unix_ms: int = 0
    model: str = ""
    counted_only: bool = False


@dataclass(slots=True)
class Recorded:
    """How many rows were written, how many of them have estimated lengths, and how many events were left out because
    their lengths are estimated, or because they say too little."""

    rows: int = 0
    estimated: int = 0
    left_out: int = 0
    unreadable: int = 0


def row_of(tenant: str, event: UsageEvent, wanted: Wanted, recorded: Recorded) -> Row | None:
    """The event's row, or None where it is not wanted; counted in `recorded`."""
    if wanted.model not in ("", event.model):
        return None
    if not event.accepted_unix_ms:
        recorded.unreadable += 1
        return None
    if event.accepted_unix_ms < wanted.since_unix_ms:
        return None
    if event.usage.estimated and wanted.counted_only:
        recorded.left_out += 1
        return None
    recorded.rows += 1
    recorded.estimated += event.usage.estimated
    return Row(
        timestamp=event.accepted_unix_ms,
        input_length=event.usage.prompt_tokens,
        output_length=event.usage.completion_tokens,
        tenant=tenant,
        model=event.model,
        lane=event.lane,
        estimated=event.usage.estimated,
    )


@dataclass(slots=True)
class ByAcceptance:
    """Brings rows into the order of their acceptance, as far as `held_rows` allow. What comes later still stays where
    it came: readers of traces sort as much again."""

    held_rows: int = HELD_ROWS
    _heap: list[tuple[int, int, Row]] = field(default_factory=list)
    _taken: int = 0

    def take(self, row: Row) -> Row | None:
        """The next row in, and perhaps one out."""
        self._taken += 1
        entry = (row.timestamp, self._taken, row)
        if len(self._heap) < self.held_rows:
            heapq.heappush(self._heap, entry)
            return None
        return heapq.heappushpop(self._heap, entry)[2]

    def rest(self) -> Iterator[Row]:
        """What is left."""
        while self._heap:
            yield heapq.heappop(self._heap)[2]
