"""Estimators that are compared. Each is asked for (budget, typical) tokens, then told what it was."""

import math
from bisect import insort
from collections.abc import Callable, Mapping
from typing import Protocol

from datasketches import kll_floats_sketch, tdigest_double  # type: ignore[import-untyped]

from bench.estimators.requests import Asked
from tokenlane_classifier.estimate.output import OutputEstimates, OutputSettings

QUANTILE = 0.9
MEDIAN = 0.5
DEFAULT_TOKENS = 512
_BUCKETS = 4
_KLL_K = 200


class Estimator(Protocol):
    """Learns as it goes."""

    def estimate(self, asked: Asked, now_ms: int) -> tuple[int, int]:
        """Tokens of the budget, and tokens by which the lane is chosen."""

    def observe(self, asked: Asked, now_ms: int) -> None:
        """The request has ended."""


class Ours:
    """The classifier's."""

    def __init__(self, settings: OutputSettings) -> None:
        self._estimates = OutputEstimates(settings)

    def estimate(self, asked: Asked, now_ms: int) -> tuple[int, int]:
        found = self._estimates.estimate(asked.route, asked.prompt_tokens, now_ms)
        return found.tokens, found.typical

    def observe(self, asked: Asked, now_ms: int) -> None:
        self._estimates.observe(asked.route, asked.prompt_tokens, asked.output_tokens, now_ms)


class Fixed:
    """The same for every request."""

    def estimate(self, asked: Asked, now_ms: int) -> tuple[int, int]:
        return DEFAULT_TOKENS, DEFAULT_TOKENS

    def observe(self, asked: Asked, now_ms: int) -> None:
        pass


class Distribution(Protocol):
    """Values and their quantiles."""

    def update(self, value: float) -> None: ...

    def get_quantile(self, rank: float) -> float: ...


class Exact:
    """Every value, sorted: unbounded."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def update(self, value: float) -> None:
        insort(self._values, value)

    def get_quantile(self, rank: float) -> float:
        return self._values[max(0, math.ceil(rank * len(self._values)) - 1)]


class Running:
    """The quantiles of all outputs so far, by `key`."""

    def __init__(self, key: Callable[[Asked], int], made: Callable[[], Distribution]) -> None:
        self._key = key
        self._made = made
        self._known: dict[int, Distribution] = {}

    def estimate(self, asked: Asked, now_ms: int) -> tuple[int, int]:
        own = self._known.get(self._key(asked))
        if own is None:
            return DEFAULT_TOKENS, DEFAULT_TOKENS
        return math.ceil(own.get_quantile(QUANTILE)), round(own.get_quantile(MEDIAN))

    def observe(self, asked: Asked, now_ms: int) -> None:
        key = self._key(asked)
        own = self._known.get(key)
        if own is None:
            own = self._known[key] = self._made()
        own.update(float(asked.output_tokens))


class Averages:
    """Exponential averages: the mean, and two deviations above it."""

    _WEIGHT = 0.02

    def __init__(self) -> None:
        self._mean = float(DEFAULT_TOKENS)
        self._variance = 0.0

    def estimate(self, asked: Asked, now_ms: int) -> tuple[int, int]:
        return round(self._mean + 2 * math.sqrt(self._variance)), round(self._mean)

    def observe(self, asked: Asked, now_ms: int) -> None:
        off = asked.output_tokens - self._mean
        self._mean += self._WEIGHT * off
        self._variance = (1 - self._WEIGHT) * (self._variance + self._WEIGHT * off * off)


def all_alike(asked: Asked) -> int:
    """One distribution."""
    return 0


def by_prompt(asked: Asked) -> int:
    """Four for each doubling of the prompt."""
    return int(_BUCKETS * math.log2(asked.prompt_tokens))


OURS = "tokenlane"
CONTENDERS: Mapping[str, Callable[[], Estimator]] = {
    OURS: lambda: Ours(OutputSettings(default_tokens=DEFAULT_TOKENS)),
    "tokenlane, not calibrated": lambda: Ours(OutputSettings(default_tokens=DEFAULT_TOKENS, gain=0.0)),
    "quantile by prompt length": lambda: Running(by_prompt, Exact),
    "KLL sketch by prompt length": lambda: Running(by_prompt, lambda: kll_floats_sketch(_KLL_K)),
    "t-digest by prompt length": lambda: Running(by_prompt, tdigest_double),
    "quantile of all": lambda: Running(all_alike, Exact),
    "average + 2 deviations": Averages,
    f"fixed {DEFAULT_TOKENS}": Fixed,
}
