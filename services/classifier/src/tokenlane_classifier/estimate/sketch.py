"""A decaying distribution of token counts in bounded memory. Pure.

DDSketch (Masson, Rim, Lee: DDSketch, VLDB 2019) counts values in bins whose bounds grow by a constant factor. Weights
follow forward decay (Cormode, Shkapenyuk, Srivastava, Xu: Forward decay, ICDE 2009): a new value weighs more than the
one before, so that nothing has to be aged.
"""

import math
from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import CollapsingLowestDenseStore

ACCURACY = 0.02
"""Relative error of a value that is read from a bin."""
MOST_BINS = 256
"""They reach from the largest value down to less than a ten-thousandth of it; what is smaller joins the last."""
_CHUNK = 32
_LARGEST_WEIGHT = 2.0**64
# In half-lives: what is older is worth nothing.
_LONGEST = 200.0
# Running sums are made anew once the sketch has grown by this share.
_STALE = 1 / 64

_MAPPING = LogarithmicMapping(ACCURACY)
_LOG_GAMMA = math.log1p(2 * ACCURACY / (1 - ACCURACY))


class HalfLife(NamedTuple):
    """A value weighs half after so much time, and half after so many newer values of its sketch."""

    ms: float
    values: float


class Sums(NamedTuple):
    """`running[i]`: weight of all values in bins up to `first + i`. The last is the weight of all."""

    first: int
    running: Sequence[float]


_NOTHING = Sums(0, ())


class Weights(NamedTuple):
    """A sketch as plain numbers: bins from `first`, in units of a value observed at `seen_ms`."""

    seen_ms: int
    first: int
    bins: list[float]


def bin_of(tokens: int) -> int:
    """The bin of so many tokens; 0 counts as 1."""
    return _MAPPING.key(tokens) if tokens > 1 else 0


def highest(number: int) -> int:
    """The most tokens that bin `number` holds."""
    return max(1, math.floor(math.exp(number * _LOG_GAMMA) * (1 + 1e-12)))


def middle(number: int) -> int:
    """Tokens that stand for all of bin `number`: off by at most `ACCURACY`, and by rounding."""
    return max(1, round(_MAPPING.value(number)))


class Sketch:
    """At most `MOST_BINS` weights. Times may run backwards: then nothing decays."""

    __slots__ = ("_seen_ms", "_stale", "_store", "_sums", "_weight")

    def __init__(self, now_ms: int) -> None:
        self._store = CollapsingLowestDenseStore(MOST_BINS, _CHUNK)
        self._seen_ms = now_ms
        self._weight = 1.0
        self._sums = _NOTHING
        self._stale = 0.0

    @property
    def seen_ms(self) -> int:
        """When the last value came."""
        return self._seen_ms

    def add(self, number: int, now_ms: int, half_life: HalfLife) -> None:
        """One more value, in bin `number`."""
        growth = 1 / half_life.values
        elapsed = now_ms - self._seen_ms
        if elapsed > 0:
            self._seen_ms = now_ms
            growth += elapsed / half_life.ms
        self._weight *= 2.0 ** (growth if growth < _LONGEST else _LONGEST)
        self._store.add(number, self._weight)
        if self._weight > _LARGEST_WEIGHT:
            self._restore(self.weights())

    def evidence(self, now_ms: int, half_life: HalfLife) -> float:
        """How many values of this moment all that it holds is worth."""
        own: float = self._store.count / self._weight
        elapsed = now_ms - self._seen_ms
        if elapsed <= 0:
            return own
        halvings = elapsed / half_life.ms
        faded: float = 2.0 ** -(halvings if halvings < _LONGEST else _LONGEST)
        return own * faded

    def sums(self) -> Sums:
        """The distribution: what was added last may be missing, as long as it is little."""
        store = self._store
        if store.count > self._stale:
            first = store.min_key
            start = first - store.offset
            self._sums = Sums(first, array("d", accumulate(store.bins[start : start + store.max_key - first + 1])))
            self._stale = store.count * (1 + _STALE)
        return self._sums

    def share(self, number: int) -> float:
        """Of the values, the share in bins up to `number`; 0 where there are none."""
        store = self._store
        if not store.count or number < store.min_key:
            return 0.0
        up_to: float = sum(store.bins[store.min_key - store.offset : number - store.offset + 1])
        return up_to / store.count

    def weights(self) -> Weights:
        """All of it."""
        store, first = self._store, self._store.offset
        lowest, end = (store.min_key, store.max_key + 1) if store.count else (first, first)
        bins = [weight / self._weight for weight in store.bins[lowest - first : end - first]]
        return Weights(self._seen_ms, lowest, bins)

    @classmethod
    def of(cls, weights: Weights) -> "Sketch":
        """The sketch of these numbers."""
        made = cls(weights.seen_ms)
        made._restore(weights)
        return made

    def _restore(self, weights: Weights) -> None:
        self._store = CollapsingLowestDenseStore(MOST_BINS, _CHUNK)
        self._weight = 1.0
        self._stale = 0.0
        for index, weight in enumerate(weights.bins):
            if weight > 0.0:
                self._store.add(weights.first + index, weight)
