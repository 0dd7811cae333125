"""Ways to estimate a prompt's tokens from its body, side by side."""

import math
from typing import NamedTuple, Protocol

from tokenlane.v1.request_pb2 import Facts
from tokenlane_classifier.estimate.categories import categorize
from tokenlane_classifier.estimate.classes import count
from tokenlane_classifier.estimate.prompt import PromptEstimates, PromptSettings

# The published method's, and what tokenlane used before.
_BETA = 0.95
_GAMMA = 0.5
_COLD_START = 4.0
_LEAST_BODY_BYTES = 2_048


class Guess(NamedTuple):
    """Tokens without a bias, and the cautious ones that choose the lane."""

    expected: float
    cautious: float


class Contender(Protocol):
    """Estimates, then is told."""

    def estimate(self, facts: Facts, body: bytes) -> Guess:
        """Before the answer is known."""

    def observe(self, facts: Facts, body: bytes, tokens: int) -> None:
        """What it was."""


class Fixed:
    """Four bytes a token."""

    def estimate(self, facts: Facts, body: bytes) -> Guess:
        """Always the same ratio."""
        tokens = math.ceil(len(body) / _COLD_START)
        return Guess(tokens, tokens)

    def observe(self, facts: Facts, body: bytes, tokens: int) -> None:
        """Learns nothing."""


class Averages:
    """Bytes a token as an exponential average and its mean deviation for each category: arXiv 2604.08075."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float, int]] = {}

    def estimate(self, facts: Facts, body: bytes) -> Guess:
        """Less gamma deviations for the lane."""
        mean, deviation, _ = self._known.get(_category(facts, body), (_COLD_START, 0.0, 0))
        return Guess(len(body) / mean, math.ceil(len(body) / max(mean - _GAMMA * deviation, 0.125)))

    def observe(self, facts: Facts, body: bytes, tokens: int) -> None:
        """Short bodies are left out, as tokenlane did: they are mostly framing."""
        if len(body) < _LEAST_BODY_BYTES:
            return
        category, ratio = _category(facts, body), len(body) / tokens
        mean, deviation, seen = self._known.get(category, (_COLD_START, 0.0, 0))
        weight = max(1 / (seen + 1), 1 - _BETA)
        mean += weight * (ratio - mean)
        self._known[category] = (mean, deviation + weight * (abs(ratio - mean) - deviation), seen + 1)


class Classes:
    """tokenlane's: a regression on characters by class, for each category."""

    def __init__(self, settings: PromptSettings | None = None) -> None:
        self._estimates = PromptEstimates(settings or PromptSettings())

    def estimate(self, facts: Facts, body: bytes) -> Guess:
        """As the classifier does."""
        made = self._estimates.estimate(facts, body, len(body))
        return Guess(made.expected, made.tokens)

    def observe(self, facts: Facts, body: bytes, tokens: int) -> None:
        """As the classifier does with a usage event."""
        made = self._estimates.estimate(facts, body, len(body))
        self._estimates.observe(facts, made.category, made.classes, len(body), tokens)


class OneRegression(Classes):
    """The same without categories: one regression for a model."""

    def observe(self, facts: Facts, body: bytes, tokens: int) -> None:
        """Everything under one name."""
        made = self._estimates.estimate(facts, body, len(body))
        self._estimates.observe(facts, "mixed", made.classes, len(body), tokens)


def _category(facts: Facts, body: bytes) -> str:
    """Text in JSON's escapes by itself: it takes two or three times the bytes."""
    escaped = "-escaped" if 6 * body.count(b"\\u") > 0.2 * len(body) else ""
    return categorize(count(body, len(body)), facts.messages, facts.media_parts) + escaped
