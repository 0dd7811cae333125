"""Cutting streamed bytes to the size of a message. Pure."""

from collections.abc import Iterator

from tokenlane_proto import events


def parts(data: bytes, first_event: int, most_bytes: int) -> Iterator[tuple[int, bytes]]:
    """`data`, which begins with event number `first_event`, in pieces of whole events, each with the number of its
    first. A piece is larger than `most_bytes` only where a single event is."""
    pending: list[bytes] = []
    size = 0
    for event in events.split(data):
        if pending and size + len(event) > most_bytes:
            yield first_event, b"".join(pending)
            first_event += len(pending)
            pending, size = [], 0
        pending.append(event)
        size += len(event)
    if pending:
        yield first_event, b"".join(pending)
