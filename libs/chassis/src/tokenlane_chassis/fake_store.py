"""What the bus in memory keeps: streams, keys and objects."""

import contextlib
import re
from dataclasses import dataclass, field

from tokenlane_chassis.bus import Message, Stored
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_proto.headers import MSG_ID
from tokenlane_proto.topology import STREAMS, StreamSpec


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject matches a NATS pattern with `*` and `>`."""
    parts = ("[^.]+" if part == "*" else ".+" if part == ">" else re.escape(part) for part in pattern.split("."))
    return re.fullmatch(r"\.".join(parts), subject) is not None


@dataclass(eq=False)
class StoredMessage:
    """A message in a stream, how often it was delivered, and whether a consumer has it now."""

    seq: int
    message: Message
    attempts: int = 0
    claimed: bool = False
    stored_unix_ms: int = field(default_factory=unix_ms)


@dataclass(eq=False)
class FakeStreams:
    """The streams of `tokenlane_proto.topology`."""

    stored: dict[str, list[StoredMessage]] = field(default_factory=dict)
    last_seq: dict[str, int] = field(default_factory=dict)
    ids: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, stream: str, subject_filter: str) -> list[StoredMessage]:
        """The stored messages of a filter, in the order of the stream."""
        return [entry for entry in self.stored.get(stream, ()) if matches(subject_filter, entry.message.subject)]

    def publish(self, message: Message, once: bool = False) -> Stored | None:
        """Store a message; None if `once` and its subject has one. Raises BusUnavailableError where no stream takes
        the subject."""
        spec = _stream_of(message.subject)
        if once and self.of(spec.name, message.subject):
            return None
        message_id = "" if once else message.headers.get(MSG_ID, "")
        known = self.ids.get((spec.name, message_id)) if message_id else None
        if known is not None:
            return Stored(known, duplicate=True)
        seq = self.last_seq.get(spec.name, 0) + 1
        self.last_seq[spec.name] = seq
        if message_id:
            self.ids[spec.name, message_id] = seq
        self._append(spec, StoredMessage(seq, message))
        return Stored(seq)

    def capture(self, message: Message) -> None:
        """Store what was posted, if a stream takes its subject."""
        with contextlib.suppress(BusUnavailableError):
            self.publish(message)

    def remove(self, entry: StoredMessage) -> bool:
        """Delete a message; False if it is not there."""
        for messages in self.stored.values():
            if entry in messages:
                messages.remove(entry)
                return True
        return False

    def _append(self, spec: StreamSpec, entry: StoredMessage) -> None:
        messages = self.stored.setdefault(spec.name, [])
        if spec.latest_only:
            messages[:] = [old for old in messages if old.message.subject != entry.message.subject]
        messages.append(entry)


def _stream_of(subject: str) -> StreamSpec:
    for spec in STREAMS:
        if any(matches(pattern, subject) for pattern in spec.subjects):
            return spec
    raise BusUnavailableError(f"no stream takes {subject}")
