"""What an engine holds once for requests whose prompts begin alike, and does not compute again. Pure.

Requests of a tenant with the same system prompt and tools share the blocks of that prefix in the engine's cache. How
many tokens those are the engine tells with its answers, so it is learned: as much as each of the last requests found
that could find it. Of what is not known nothing is given back.

Time is counted in tokens that were begun: the cache drops what was not used for longest once others need the blocks.
"""

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from tokenlane_proto.prefixes import Prefix

# Requests of a prefix of which the one that found least counts.
_REMEMBERED = 8
# Prefixes that are known; those that were not used for longest are forgotten.
_MOST = 1_024


class Share(NamedTuple):
    """What a request is thought to find in the cache. `tokens`: 0 where nothing is known. `due`: it should find the
    prefix there, so what it finds says how long that is."""

    prefix: Prefix | None = None
    tokens: int = 0
    due: bool = False


NO_SHARE = Share()


@dataclass(slots=True)
class _Known:
    # Tokens that the last requests found.
    found: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    # How many requests run that are thought to share so many tokens.
    running: Counter[int] = field(default_factory=Counter)
    # When it is gone from the cache, if none runs.
    until: int = 0

    @property
    def tokens(self) -> int:
        return min(self.found, default=0)

    @property
    def saved(self) -> int:
        """All that run count it, one of them holds it."""
        return sum(tokens * count for tokens, count in self.running.items()) - max(self.running, default=0)


class Prefixes:
    """The prefixes that one engine has run lately. `saved`: tokens that are counted for requests that run and held by
    others of them."""

    def __init__(self) -> None:
        self._known: OrderedDict[Prefix, _Known] = OrderedDict()
        self._begun = 0
        self.saved = 0

    def __len__(self) -> int:
        return len(self._known)

    def find(self, prefix: Prefix | None, prompt_tokens: int) -> Share:
        """What a request would find if it began now. Never its whole prompt: the last token is always computed."""
        known = None if prefix is None else self._known.get(prefix)
        if known is None or not (known.running or self._begun < known.until):
            return Share(prefix)
        return Share(prefix, max(0, min(known.tokens, prompt_tokens - 1)), due=True)

    def saves(self, share: Share) -> int:
        """Of what a request that is not begun would find, what those hold that run."""
        known = None if share.prefix is None else self._known.get(share.prefix)
        return min(share.tokens, max(known.running, default=0)) if known else 0

    def begin(self, share: Share, tokens: int) -> None:
        """It begins, and is counted for `tokens` KV tokens."""
        self._begun += tokens - share.tokens
        if share.prefix is not None:
            self._run(self._known.setdefault(share.prefix, _Known()), share.tokens, 1)
            self._known.move_to_end(share.prefix)
            self._forget()

    def end(self, share: Share, free: int) -> None:
        """It is over. `free`: KV tokens that are free then. The prefix stays for as long as others take blocks that
        are free; counts are no exact sizes, so for half of that."""
        if share.prefix is not None:
            known = self._known[share.prefix]
            self._run(known, share.tokens, -1)
            known.until = self._begun + free // 2

    def learn(self, share: Share, found: int) -> None:
        """The engine told that a request found so many tokens of its prefix."""
        known = None if share.prefix is None else self._known.get(share.prefix)
        if known and share.due:
            known.found.append(found)

    def _run(self, known: _Known, tokens: int, change: int) -> None:
        before = known.saved
        known.running[tokens] += change
        if not known.running[tokens]:
            del known.running[tokens]
        self.saved += known.saved - before

    def _forget(self) -> None:
        if len(self._known) > _MOST:
            idle = (prefix for prefix, known in self._known.items() if not known.running)
            if (oldest := next(idle, None)) is not None:
                del self._known[oldest]
