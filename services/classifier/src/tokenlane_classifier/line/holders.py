"""Which engines hold which prompts' beginnings in their prefix caches. Pure.

What a worker ran is in its engine's cache until others needed the blocks: the cache drops what was not used for
longest. So time is counted in tokens that an engine computed, and what was not used within its whole cache is gone.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from tokenlane_proto.prefixes import Prefix

# Prefixes that are remembered of a worker. Those not used for longest are forgotten.
_MOST = 128


@dataclass(slots=True)
class _Cache:
    """`tokens`: what it holds. `computed`: by its engine so far. `used`: how much was computed when a prefix was used
    last, the latest at the end."""

    tokens: int = 0
    computed: int = 0
    used: OrderedDict[Prefix, int] = field(default_factory=OrderedDict)


class Holders:
    """The workers of one model. What is found in a cache is counted as computed, too: rather too little is known to be
    held than too much."""

    def __init__(self) -> None:
        self._caches: dict[str, _Cache] = {}

    def works(self, worker: str, kv_tokens: int) -> None:
        """It is there, and its engine holds so much."""
        self._caches.setdefault(worker, _Cache()).tokens = kv_tokens

    def left(self, worker: str) -> None:
        """It is gone."""
        self._caches.pop(worker, None)

    def ran(self, worker: str, prefix: Prefix | None, computed: int = 0) -> None:
        """Its engine has used a prefix, or is about to, and has computed so many tokens more since this was told
        last."""
        cache = self._caches.get(worker)
        if cache is None:
            return
        cache.computed += computed
        if prefix is not None:
            cache.used[prefix] = cache.computed
            cache.used.move_to_end(prefix)
        while cache.used and self._is_gone(cache):
            cache.used.popitem(last=False)

    def held(self, worker: str) -> Collection[Prefix]:
        """What is in a worker's cache, as far as known."""
        cache = self._caches.get(worker)
        return () if cache is None else cache.used.keys()

    def _is_gone(self, cache: _Cache) -> bool:
        oldest = next(iter(cache.used.values()))
        return len(cache.used) > _MOST or cache.computed - oldest >= cache.tokens
