"""Recorded requests, one after the other: from the bus, or from a file that `tokenlane record` wrote.

What cannot be read is skipped and counted; memory is bounded whatever their number.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tokenlane_chassis.bus import Bus
from tokenlane_cli.errors import UsageError
from tokenlane_cli.record.recording import stored_rows
from tokenlane_cli.record.rows import ByAcceptance, Recorded, Row
from tokenlane_cli.record.rows import Wanted as OnBus
from tokenlane_cli.traces.source import Chunk, OnProgress, chunks

_decoder = msgspec.json.Decoder(Row)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests. Empty and 0: any."""

    since_unix_ms: int = 0
    tenant: str = ""
    model: str = ""


@dataclass(slots=True)
class Skipped:
    """Lines or events that could not be read."""

    count: int = 0


async def from_bus(bus: Bus, wanted: Wanted, skipped: Skipped) -> AsyncIterator[Row]:
    """What the bus keeps, in the order of acceptance. Raises BusError."""
    recorded = Recorded()
    rows = stored_rows(bus, wanted.tenant or "*", OnBus(wanted.since_unix_ms, wanted.model), recorded)
    async for row in rows:
        yield row
    skipped.count += recorded.unreadable


def from_file(path: Path, wanted: Wanted, skipped: Skipped, on_progress: OnProgress | None = None) -> Iterator[Row]:
    """What the file has, in the order of acceptance. Raises UsageError where it cannot be read, or holds no row."""
    ordered = ByAcceptance()
    readable = 0
    for chunk in chunks(path, on_progress):
        for row in _decoded(chunk, skipped):
            readable += 1
            if _is_wanted(row, wanted) and (given := ordered.take(row)) is not None:
                yield given
    if not readable:
        raise UsageError(f"{path} has no line that `tokenlane record` wrote")
    yield from ordered.rest()


def _decoded(chunk: Chunk, skipped: Skipped) -> list[Row]:
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decoder.decode_lines(chunk.data)
    return list(_one_by_one(chunk, skipped))


def _one_by_one(chunk: Chunk, skipped: Skipped) -> Iterator[Row]:
    for line in chunk.data.split(b"\n"):
        if line.strip():
            try:
                yield _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                skipped.count += 1


def _is_wanted(row: Row, wanted: Wanted) -> bool:
    return (
        row.timestamp >= wanted.since_unix_ms and wanted.tenant in ("", row.tenant) and wanted.model in ("", row.model)
    )
