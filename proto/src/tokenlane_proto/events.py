"""Server-sent events as bytes: counted, cut and told apart, never parsed.

An event is a block that ends in a blank line. Positions in an answer are numbers of events: unlike bytes they mean the
same to the client, which sees events, and to every process on the way.
"""

import re
import zlib

EVENT_STREAM = "text/event-stream"
DONE = b"data: [DONE]\n\n"

_END = re.compile(rb"\r?\n\r?\n")
_ID = re.compile(r"(\d{1,9})(?:-([0-9a-f]{8}))?")
_CHOICES = b'"choices"'


def count(data: bytes) -> int:
    """Whole events in `data`."""
    if b"\r" not in data:
        return data.count(b"\n\n")
    return len(_END.findall(data))


def split(data: bytes) -> list[bytes]:
    """The whole events of `data`, each with its blank line."""
    ends = [match.end() for match in _END.finditer(data)]
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def skip(data: bytes, events: int) -> bytes:
    """`data` without its first `events` events."""
    end = 0
    for _ in range(events):
        found = _END.search(data, end)
        if found is None:
            return b""
        end = found.end()
    return data[end:]


def digest(data: bytes, before: int = 0) -> int:
    """CRC-32 over what the events of `data` say, following on `before`, the digest of the events ahead of them. What
    differs between two attempts with the same words (the answer's id, its time) stands before the choices and does
    not count."""
    for event in split(data):
        start = event.find(_CHOICES)
        before = zlib.crc32(event[start:] if start >= 0 else event, before)
    return before


def event_id(number: int, digest_so_far: int) -> str:
    """The id of event `number` (from 1): its number and the digest of all events up to it."""
    return f"{number}-{digest_so_far:08x}"


def parse_event_id(text: str) -> tuple[int, int | None] | None:
    """Number and digest of an event id; the digest may be left out. None if it is not one."""
    match = _ID.fullmatch(text.strip())
    if match is None:
        return None
    return int(match[1]), int(match[2], 16) if match[2] else None


def with_ids(data: bytes, number: int, digest_so_far: int) -> tuple[bytes, int, int]:
    """`data` with an `id:` line in each event, and the number and digest after it. `number` events came before, whose
    digest is `digest_so_far`."""
    parts = []
    for event in split(data):
        number += 1
        digest_so_far = digest(event, digest_so_far)
        parts.append(b"id: %b\n%b" % (event_id(number, digest_so_far).encode(), event))
    return b"".join(parts), number, digest_so_far
