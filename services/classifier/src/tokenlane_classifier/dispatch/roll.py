"""Those that wait, by name and by number."""

import itertools
from collections.abc import Iterator

from tokenlane_classifier.dispatch.candidates import Key
from tokenlane_classifier.line.waiting import Waiting


class Roll:
    """A request has one number at a time: that of its message, or one below 0 until it has a message."""

    def __init__(self) -> None:
        self._named: dict[Key, Waiting] = {}
        self._keys: dict[int, Key] = {}
        # Of those that are told how they stand.
        self._inboxes: dict[int, str] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._named

    def get(self, key: Key) -> Waiting | None:
        """What waits under that name."""
        return self._named.get(key)

    def enter(self, key: Key, waiting: Waiting, inbox: str) -> None:
        """It waits. `inbox`: empty where nobody is told."""
        self._named[key], self._keys[waiting.seq] = waiting, key
        if inbox:
            self._inboxes[waiting.seq] = inbox

    def strike(self, waiting: Waiting) -> Key:
        """It does not wait any more. Raises KeyError if it does not."""
        key = self._keys.pop(waiting.seq)
        del self._named[key]
        self._inboxes.pop(waiting.seq, None)
        return key

    def watched(self, most: int) -> Iterator[tuple[Waiting, str]]:
        """Some of those that are told how they stand, with their inboxes; the next ones each time."""
        for seq, inbox in list(itertools.islice(self._inboxes.items(), most)):
            del self._inboxes[seq]
            self._inboxes[seq] = inbox
            yield self._named[self._keys[seq]], inbox
