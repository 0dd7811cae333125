"""The distributions that are kept, by key. Bounded. Pure."""

from collections.abc import Iterable, Iterator
from itertools import islice

from tokenlane_classifier.estimate.output_keys import (
    ROUTE,
    Key,
    Leaf,
    coarseness,
    learns_priors,
    prompt_keys,
    route_keys,
    shard_of,
)
from tokenlane_classifier.estimate.output_priors import Priors
from tokenlane_classifier.estimate.sketch import HalfLife, Sketch

SHARDS = 32
_DROPPED = 4
# Values of a key before a finer one is kept.
_ENOUGH = 8.0
# Of 32-bit floats: what was dumped and comes back has no more evidence than it had.
_ROUNDING = 1e-6


class Node:
    """A distribution. `offset`: what its coverage adds to the level that is asked for. `priors`: of a tenant's."""

    __slots__ = ("offset", "priors", "shard", "sketch")

    def __init__(self, sketch: Sketch, offset: float, priors: Priors | None, shard: int) -> None:
        self.sketch = sketch
        self.offset = offset
        self.priors = priors
        self.shard = shard


class Nodes:
    """At most `most` of them."""

    def __init__(self, most: int, half_life: HalfLife) -> None:
        self._known: dict[Key, Node] = {}
        # The distributions of each route all of whose keys are known.
        self._routes: dict[Key, list[Node]] = {}
        self._most = most
        self._half_life = half_life

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Key) -> Node | None:
        """The distribution of `key`."""
        return self._known.get(key)

    def keep(self, key: Key, node: Node) -> None:
        """Keep a distribution where it has more evidence than the one that is known."""
        known = self._known.get(key)
        if known is not None:
            now_ms = max(known.sketch.seen_ms, node.sketch.seen_ms)
            own = known.sketch.evidence(now_ms, self._half_life)
            if node.sketch.evidence(now_ms, self._half_life) <= own * (1 + _ROUNDING):
                return
        self._known[key] = node
        self._routes.clear()

    def of(self, leaf: Leaf) -> list[Node]:
        """Those of a leaf's keys that are known, coarsest first. Where one is missing, the finer ones are, too."""
        route = leaf[:6]
        nodes = self._routes.get(route)
        if nodes is None:
            nodes = self._down(route_keys(route))
            if len(nodes) <= ROUTE:
                return nodes
            self._routes[route] = nodes
        return nodes + self._down(prompt_keys(route, leaf.prompt))

    def grown(self, leaf: Leaf, now_ms: int) -> list[Node]:
        """Those of a leaf's keys, with one more where the coarser one has seen enough: so what comes once takes one
        place, not nine."""
        found = self.of(leaf)
        if not found or found[-1].sketch.evidence(now_ms, self._half_life) >= _ENOUGH:
            route = leaf[:6]
            missing = next(islice((*route_keys(route), *prompt_keys(route, leaf.prompt)), len(found), None), None)
            if missing is not None:
                found = [*found, self._new(missing, now_ms)]
        return found

    def in_shard(self, shard: int) -> Iterator[tuple[Key, Node]]:
        """Those of a shard."""
        return ((key, node) for key, node in self._known.items() if node.shard == shard)

    def shrink(self) -> bool:
        """Where there are too many, drop those with the least evidence, finest first, and a quarter more. Whether it
        did."""
        if len(self._known) <= self._most:
            return False
        now_ms = max(node.sketch.seen_ms for node in self._known.values())
        ranked = sorted(self._known.items(), key=lambda item: self._worth(item, now_ms))
        self._known = dict(ranked[len(ranked) - self._most + self._most // _DROPPED :])
        self._routes.clear()
        return True

    def _down(self, keys: Iterable[Key]) -> list[Node]:
        """Those of a chain's keys, up to the first that is not known."""
        found: list[Node] = []
        for key in keys:
            node = self._known.get(key)
            if node is None:
                break
            found.append(node)
        return found

    def _new(self, key: Key, now_ms: int) -> Node:
        priors = Priors() if learns_priors(key) else None
        node = self._known[key] = Node(Sketch(now_ms), 0.0, priors, shard_of(key, SHARDS))
        return node

    def _worth(self, item: tuple[Key, Node], now_ms: int) -> tuple[float, int]:
        key, node = item
        return node.sketch.evidence(now_ms, self._half_life), coarseness(key)
