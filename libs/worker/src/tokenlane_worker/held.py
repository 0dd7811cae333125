"""What is here and waits for room in the engine. Pure; times by any clock, in seconds."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

# What is held for longer than this is as urgent as anything: room is kept for it.
PATIENCE_S = 5.0


class Held(Generic[T]):
    """In the order in which they are to begin: by urgency (0 the most urgent), then by arrival. There are few of them.
    Items are told apart by identity."""

    def __init__(self) -> None:
        self._items: dict[T, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items))

    def __contains__(self, item: T) -> bool:
        return item in self._items

    def add(self, item: T, urgency: int, now_s: float) -> None:
        """It arrived."""
        self._items[item] = (urgency, now_s)

    def remove(self, item: T) -> None:
        """It begins, or ends."""
        del self._items[item]

    def first(self, now_s: float) -> T | None:
        """Whose turn it is."""
        return min(self._items, key=lambda item: (self.urgency(item, now_s), self._items[item][1]), default=None)

    def blocks(self, urgency: int, now_s: float) -> bool:
        """Whether one of them begins before anything new of this urgency."""
        return any(self.urgency(item, now_s) <= urgency for item in self._items)

    def urgency(self, item: T, now_s: float) -> int:
        """How urgent one of them is by now."""
        urgency, arrived_s = self._items[item]
        return 0 if now_s - arrived_s > PATIENCE_S else urgency
