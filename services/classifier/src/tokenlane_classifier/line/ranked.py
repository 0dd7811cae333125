"""A priority queue whose items can be ranked anew and removed."""

import heapq
from typing import Generic, TypeVar

Item = TypeVar("Item", int, str)
Rank = TypeVar("Rank", int, float, tuple[float, int])

# Outdated entries that are not worth a sweep.
_SPARE = 16


class Ranked(Generic[Item, Rank]):
    """Items by rank, the smallest first, then by item. Every operation takes O(log n) steps over time: what is outdated
    stays in the heap until it surfaces or outnumbers the rest."""

    def __init__(self) -> None:
        self._ranks: dict[Item, Rank] = {}
        self._heap: list[tuple[Rank, Item]] = []

    def __len__(self) -> int:
        return len(self._ranks)

    def __contains__(self, item: Item) -> bool:
        return item in self._ranks

    def put(self, item: Item, rank: Rank) -> None:
        """Add it, or rank it anew."""
        if self._ranks.get(item) != rank:
            self._ranks[item] = rank
            heapq.heappush(self._heap, (rank, item))
            self._sweep()

    def discard(self, item: Item) -> None:
        """Remove it, if it is here."""
        if self._ranks.pop(item, None) is not None:
            self._sweep()

    def first(self) -> tuple[Rank, Item] | None:
        """The one with the smallest rank."""
        heap, ranks = self._heap, self._ranks
        while heap and ranks.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _sweep(self) -> None:
        if len(self._heap) > 2 * len(self._ranks) + _SPARE:
            self._heap = [(rank, item) for item, rank in self._ranks.items()]
            heapq.heapify(self._heap)
