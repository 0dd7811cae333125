"""Numbering the events of a stream that its client may resume."""

from tokenlane_ingress.accept import START, Position
from tokenlane_proto import events


class EventIds:
    """Writes an id into each event from `after` on. Where the digest of what came before is not known, it is made from
    all events from the first on (`first_event` is 0 then), and those up to `after` are left out."""

    __slots__ = ("_digest", "_number", "_skip")

    def __init__(self, after: Position = START) -> None:
        known = after.digest is not None
        self._number = after.events if known else 0
        self._digest = after.digest or 0
        self._skip = 0 if known else after.events

    def write(self, data: bytes) -> bytes:
        """The events of `data` with their ids."""
        before = self._number
        numbered, self._number, self._digest = events.with_ids(data, self._number, self._digest)
        return events.skip(numbered, min(self._skip, self._number) - before) if before < self._skip else numbered
