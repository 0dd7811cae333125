"""What an engine's KV cache holds, as vLLM drops it: of what nobody uses, what was not used for longest."""

from collections import Counter, OrderedDict

from bench.prefix.traffic import Request


class KvCache:
    """`capacity` and `prefix` (a system prompt's length) in tokens. A prefix that several use is there once. What
    ended requests had of their own stays until it is dropped, too. A prefix is dropped whole."""

    def __init__(self, capacity: int, prefix: int) -> None:
        self._capacity, self._prefix = capacity, prefix
        self._users: Counter[int] = Counter()
        self._own = 0
        # Prefixes by their number and what requests left, -1 and less; with their tokens, latest use last.
        self._unused: OrderedDict[int, int] = OrderedDict()
        self._unused_tokens = 0
        self._left = 0

    def warm(self, prefixes: int) -> None:
        """As if it had run for long: the most popular of so many prefixes are there, as far as there is room."""
        for prefix in reversed(range(prefixes)):
            self._keep(prefix, self._prefix)
        self._drop()

    def holds(self, prefix: int) -> bool:
        """Whether a request of it would find it."""
        return prefix in self._users or prefix in self._unused

    def fits(self, request: Request) -> bool:
        """Whether there is room for one more, by KV credit."""
        prefixes = len(self._users) + (request.prefix not in self._users)
        return self._own + _counted(request) + prefixes * self._prefix <= self._capacity

    def begin(self, request: Request) -> bool:
        """Whether it found its prefix."""
        found = self.holds(request.prefix)
        self._unused_tokens -= self._unused.pop(request.prefix, 0)
        self._users[request.prefix] += 1
        self._own += _counted(request)
        self._drop()
        return found

    def end(self, request: Request) -> None:
        """It is over: what it used is the latest."""
        self._own -= _counted(request)
        self._left -= 1
        self._keep(self._left, request.own + request.output)
        self._users[request.prefix] -= 1
        if not self._users[request.prefix]:
            del self._users[request.prefix]
            self._keep(request.prefix, self._prefix)
        self._drop()

    def _keep(self, key: int, tokens: int) -> None:
        self._unused[key] = tokens
        self._unused_tokens += tokens

    def _drop(self) -> None:
        used = self._own + len(self._users) * self._prefix
        while self._unused and used + self._unused_tokens > self._capacity:
            self._unused_tokens -= self._unused.popitem(last=False)[1]


def _counted(request: Request) -> int:
    """As workers count what a request has for itself."""
    return request.own + -(-2 * request.output // 5)
