"""The end of what was shown of a stream: what no checkpoint holds yet. Pure, but for its own state."""

from tokenlane_proto import events


class Tail:
    """Shown events from number `first` on, and the digest of all before them (None: not known)."""

    __slots__ = ("_chunks", "_digest", "first")

    def __init__(self, first: int = 0, digest: int | None = 0) -> None:
        self.first = first
        self._digest = digest
        self._chunks: list[bytes] = []

    @property
    def data(self) -> bytes:
        """The kept events."""
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""

    @property
    def digest(self) -> int | None:
        """Digest of everything shown, None if it is not known."""
        return None if self._digest is None else events.digest(self.data, self._digest)

    @property
    def known(self) -> bool:
        """Whether the digest of what was shown is known."""
        return self._digest is not None

    def add(self, data: bytes) -> None:
        """More was shown."""
        if data:
            self._chunks.append(data)

    def forget(self, before: int) -> None:
        """A checkpoint holds the events before number `before`."""
        data = self.data
        rest = events.skip(data, before - self.first)
        gone = data[: len(data) - len(rest)]
        if self._digest is not None:
            self._digest = events.digest(gone, self._digest)
        self.first += events.count(gone)
        self._chunks = [rest] if rest else []

    def agrees(self, first: int, data: bytes) -> bool:
        """Whether `data`, events from number `first` on, says the same where it overlaps with what is kept."""
        start = max(first, self.first)
        ours = events.split(self.data)[start - self.first :]
        theirs = events.split(data)[start - first :]
        both = min(len(ours), len(theirs))
        return events.digest(b"".join(ours[:both])) == events.digest(b"".join(theirs[:both]))
