"""Output tokens of a request, from what requests like it produced: a high quantile for the budget, a lower one for the
choice of the lane. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from tokenlane_classifier.estimate import output_snapshot
from tokenlane_classifier.estimate.calibration import bounded, moved, stretch
from tokenlane_classifier.estimate.mixture import mixed, quantile, rests_on
from tokenlane_classifier.estimate.output_keys import LEVELS, ROUTE, TENANT, Leaf, leaf_of
from tokenlane_classifier.estimate.output_nodes import SHARDS, Node, Nodes
from tokenlane_classifier.estimate.output_priors import UNLEARNED, Priors
from tokenlane_classifier.estimate.output_settings import OutputSettings
from tokenlane_classifier.estimate.route import Route
from tokenlane_classifier.estimate.sketch import HalfLife, Sums, bin_of, highest, middle

__all__ = ["DEFAULT", "OutputEstimate", "OutputEstimates", "OutputSettings"]

DEFAULT = "default"
# Coverage is kept by route; routes with fewer values than this share their tenant's.
_YOUNG = 50.0
# An estimate is made anew after so long, and after as many new values as this share of its evidence.
_STALE_MS = 1_000
_STALE_SHARE = 1 / 32
_SAME_LEVEL = 0.02
# Priors are learned from every second request, by turns from the budget and from the typical output.
_TAUGHT = 2
# Of requests that this process has not estimated, as on a replay, every so many teaches coverage and priors, too.
_UNASKED = 3


class OutputEstimate(NamedTuple):
    """Tokens for each choice, at most what the client allows: `tokens` for the budget, `typical` for the choice of the
    lane. `level`: the finest of `LEVELS` that, with all finer ones, brings at least half of it, else "default".
    `evidence`: how many values of this moment that level's own are worth."""

    tokens: int
    typical: int
    level: str
    evidence: float


class _Known:
    """The distributions of a leaf, coarsest first, and the last estimate that was made of them. Leaves with the same
    distributions share it."""

    __slots__ = ("estimate", "fresh_until_ms", "left", "level", "nodes")

    def __init__(self, nodes: Sequence[Node], level: float, estimate: OutputEstimate, now_ms: int) -> None:
        self.nodes = nodes
        self.level = level
        self.estimate = estimate
        self.left = estimate.evidence * _STALE_SHARE
        self.fresh_until_ms = now_ms + _STALE_MS

    def is_stale(self, now_ms: int) -> bool:
        """Whether the estimate should be made anew."""
        return self.left < 0.0 or now_ms >= self.fresh_until_ms

    def grown(self, nodes: Sequence[Node]) -> "_Known":
        """The same estimate for a leaf that has got a finer distribution."""
        own = _Known(nodes, self.level, self.estimate, self.fresh_until_ms - _STALE_MS)
        own.left = self.left
        return own


class OutputEstimates:
    """What is known of outputs. Bounded: `settings.most_keys` distributions of at most 10 KB, by experience
    3 KB, and as many estimates. Times may run backwards."""

    shards = SHARDS

    def __init__(self, settings: OutputSettings) -> None:
        self._settings = settings
        self._half_life = HalfLife(settings.half_life_s * 1e3, settings.half_life_values)
        self._nodes = Nodes(settings.most_keys, self._half_life)
        self._leaves: dict[Leaf, _Known] = {}
        # By the finest distribution of a leaf.
        self._shared: dict[Node, _Known] = {}
        self._observed = 0
        self._default = Sums(bin_of(settings.default_tokens), [1.0])

    def __len__(self) -> int:
        return len(self._nodes)

    def estimate(self, route: Route, prompt_tokens: int, now_unix_ms: int) -> OutputEstimate:
        """What a request of this route with such a prompt will produce."""
        found = self._current(leaf_of(route, prompt_tokens), now_unix_ms).estimate
        limit = route.max_output_tokens
        if limit and found.tokens > limit:
            return OutputEstimate(limit, min(found.typical, limit), found.level, found.evidence)
        return found

    def observe(self, route: Route, prompt_tokens: int, output_tokens: int, now_unix_ms: int) -> None:
        """A request has produced so many tokens a choice."""
        self._observed += 1
        leaf = leaf_of(route, prompt_tokens)
        known = self._judged(leaf, now_unix_ms)
        number = bin_of(output_tokens)
        if known is not None and known.estimate.level != DEFAULT:
            self._calibrate(known, route, output_tokens, now_unix_ms)
            self._learn_priors(known, number, now_unix_ms)
        nodes = known.nodes if known is not None else ()
        if len(nodes) < len(LEVELS):
            nodes = self._nodes.grown(leaf, now_unix_ms)
        for node in nodes:
            node.sketch.add(number, now_unix_ms, self._half_life)
        if known is not None:
            known.left -= 1.0
            if len(nodes) > len(known.nodes):
                self._leaves[leaf] = known.grown(nodes)
        if self._nodes.shrink():
            self._forget()

    def dump(self, shard: int) -> bytes:
        """What is known of the keys of a shard, 0..`shards` - 1."""
        return output_snapshot.dump(self._nodes.in_shard(shard))

    def absorb(self, shard: int, data: bytes) -> None:
        """Take over what a `dump` knows better: key by key, whichever has more evidence. Raises ValueError for what is
        no dump of this shard."""
        output_snapshot.absorb(self._nodes, shard, data)
        self._nodes.shrink()
        self._forget()

    def _current(self, leaf: Leaf, now_ms: int) -> _Known:
        known = self._leaves.get(leaf)
        return self._made(leaf, now_ms) if known is None or known.is_stale(now_ms) else known

    def _judged(self, leaf: Leaf, now_ms: int) -> _Known | None:
        """The last estimate, but for one at another level: while a burst's answers come back, each would move the level
        further for what the first have already put right. Where there is none, one in so many is made."""
        known = self._leaves.get(leaf)
        if known is None:
            return None if self._observed % _UNASKED else self._made(leaf, now_ms)
        if abs(known.level - self._level(known.nodes, now_ms)) > _SAME_LEVEL:
            return self._made(leaf, now_ms)
        return known

    def _made(self, leaf: Leaf, now_ms: int) -> _Known:
        if len(self._leaves) >= self._settings.most_keys:
            self._forget()
        nodes = self._nodes.of(leaf)
        level = self._level(nodes, now_ms)
        known = self._shared.get(nodes[-1]) if nodes else None
        if known is None or known.is_stale(now_ms) or abs(known.level - level) > _SAME_LEVEL:
            known = _Known(nodes, level, self._of(nodes, level, now_ms), now_ms)
            if nodes:
                self._shared[nodes[-1]] = known
        self._leaves[leaf] = known
        return known

    def _forget(self) -> None:
        self._leaves.clear()
        self._shared.clear()

    def _of(self, nodes: Sequence[Node], level: float, now_ms: int) -> OutputEstimate:
        settings = self._settings
        if not nodes:
            return OutputEstimate(settings.default_tokens, settings.default_tokens, DEFAULT, 0.0)
        strengths = _priors(nodes).strengths
        chain = [(node.sketch, strength) for node, strength in zip(nodes, strengths, strict=False)]
        parts = mixed(chain, self._default, now_ms, self._half_life)
        tokens = round(highest(quantile(parts, level)) * stretch(level))
        typical = min(middle(quantile(parts, settings.lane_quantile)), tokens)
        place, evidence = rests_on(parts)
        return OutputEstimate(tokens, typical, LEVELS[place] if place >= 0 else DEFAULT, evidence)

    def _level(self, nodes: Sequence[Node], now_ms: int) -> float:
        quantile = self._settings.quantile
        return bounded(quantile + self._calibrated(nodes, now_ms).offset) if nodes else quantile

    def _calibrated(self, nodes: Sequence[Node], now_ms: int) -> Node:
        if len(nodes) > ROUTE and nodes[ROUTE].sketch.evidence(now_ms, self._half_life) >= _YOUNG:
            return nodes[ROUTE]
        return nodes[min(TENANT, len(nodes) - 1)]

    def _calibrate(self, known: _Known, route: Route, output_tokens: int, now_ms: int) -> None:
        budget = known.estimate.tokens
        if 0 < route.max_output_tokens <= budget:
            return
        node, settings = self._calibrated(known.nodes, now_ms), self._settings
        node.offset = moved(node.offset, output_tokens <= budget, settings.quantile, settings.gain)

    def _learn_priors(self, known: _Known, number: int, now_ms: int) -> None:
        priors = _priors(known.nodes)
        if self._observed % _TAUGHT or priors is UNLEARNED:
            return
        by_budget = self._observed % (2 * _TAUGHT)
        bound = bin_of(known.estimate.tokens if by_budget else known.estimate.typical)
        worth = [(node.sketch.evidence(now_ms, self._half_life), node.sketch.share(bound)) for node in known.nodes]
        priors.learn(worth, 1.0 if self._default.first <= bound else 0.0, number <= bound)


def _priors(nodes: Sequence[Node]) -> Priors:
    own = nodes[TENANT].priors if len(nodes) > TENANT else None
    return own or UNLEARNED
