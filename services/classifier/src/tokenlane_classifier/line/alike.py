"""Requests whose prompts begin alike, and when one of them goes before its turn. Pure.

An engine does not compute again what it has in its prefix cache. Where all wait, it is enough to prefer what the engine
holds that has room next: in the study (`bench.prefix`) that brings as much as sending requests to whoever holds their
system prompt.
"""

from collections.abc import Collection, Iterator

from tokenlane_classifier.line.ranked import Ranked
from tokenlane_classifier.line.waiting import Waiting
from tokenlane_proto.prefixes import Prefix

# So often a request is passed over at most.
PASSES = 32


class Alike:
    """What waits in one queue, by prefix."""

    def __init__(self) -> None:
        self._ranked: dict[Prefix, Ranked[int, float]] = {}
        self._passed: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._ranked)

    def put(self, waiting: Waiting, rank_s: float) -> None:
        """It waits, with this rank among others."""
        if waiting.prefix is not None:
            self._ranked.setdefault(waiting.prefix, Ranked()).put(waiting.seq, rank_s)

    def discard(self, waiting: Waiting) -> None:
        """It left, whatever for."""
        self._passed.pop(waiting.seq, None)
        ranked = None if waiting.prefix is None else self._ranked.get(waiting.prefix)
        if ranked is not None:
            ranked.discard(waiting.seq)
            if not ranked and waiting.prefix is not None:
                del self._ranked[waiting.prefix]

    def firsts(self, held: Collection[Prefix]) -> Iterator[int]:
        """Of each prefix that is held, the request that is first."""
        for prefix in held if len(held) < len(self._ranked) else self._ranked:
            if prefix in self._ranked and prefix in held and (first := self._ranked[prefix].first()) is not None:
                yield first[1]

    def passes(self, first: Waiting, now_s: float) -> bool:
        """Whether the one whose turn it is may be passed over, and was now. Not in the second half of the time that it
        has; nor too often."""
        times = self._passed.get(first.seq, 0)
        if times >= PASSES or 0 <= first.start_s - now_s < first.limit_s / 2:
            return False
        self._passed[first.seq] = times + 1
        return True
