"""From the stream of usage events to a file. Memory is bounded whatever the number of events."""

import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from tokenlane_chassis.bus import Bus
from tokenlane_cli.errors import UsageError
from tokenlane_cli.record.rows import ByAcceptance, Recorded, Row, Wanted, row_of
from tokenlane_proto import codec, subjects, topology
from tokenlane_proto.errors import MalformedMessageError


async def record_to(out: Path, bus: Bus, tenant: str, wanted: Wanted) -> Recorded:
    """Write what is wanted of `tenant` ("*": all) to `out`. Raises UsageError where there is nothing to write or where
    the file cannot be written, BusError."""
    if not await bus.subject_counts(topology.USAGE, subjects.usage(tenant)):
        raise _nothing(Recorded())
    recorded = Recorded()
    rows = stored_rows(bus, tenant, wanted, recorded)
    first = await anext(rows, None)
    if first is None:
        raise _nothing(recorded)
    encoder = msgspec.json.Encoder()
    with _opened(out) as file:
        file.write(encoder.encode(first) + b"\n")
        async for row in rows:
            file.write(encoder.encode(row) + b"\n")
    return recorded


async def stored_rows(bus: Bus, tenant: str, wanted: Wanted, recorded: Recorded) -> AsyncIterator[Row]:
    """What is wanted of `tenant` ("*": all), in the order of acceptance as far as `ByAcceptance` can bring it there.
    Raises BusError."""
    ordered = ByAcceptance()
    # A request ends after it was accepted: what was stored before that time is of no interest.
    async for message in bus.read(topology.USAGE, subjects.usage(tenant), wanted.since_unix_ms):
        try:
            row = row_of(subjects.tenant_of(message.subject), codec.decode_usage(message.data), wanted, recorded)
        except MalformedMessageError:
            recorded.unreadable += 1
            continue
        given = ordered.take(row) if row is not None else None
        if given is not None:
            yield given
    for row in ordered.rest():
        yield row


@contextmanager
def _opened(out: Path) -> Iterator[BinaryIO]:
    try:
        with gzip.open(out, "wb") if out.suffix == ".gz" else out.open("wb") as file:
            yield cast(BinaryIO, file)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror or error}") from None


def _nothing(recorded: Recorded) -> UsageError:
    out = recorded.left_out + recorded.unreadable
    return UsageError(f"no such request is kept on the bus{f' ({out:,} left out)' if out else ''}: nothing was written")
