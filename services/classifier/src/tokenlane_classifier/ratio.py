"""The learned bytes a token takes: an exponential average and its mean deviation, by model and kind of text.

The first observations weigh 1/n, so that the cold start is forgotten at once and the average settles within fifty.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tokenlane_classifier.category import Category

COLD_START = 4.0
# No text takes fewer bytes a token than an eighth; above 64 the body holds something that is not text, an image say.
LOWEST = 0.125
HIGHEST = 64.0


@dataclass(frozen=True, slots=True)
class Ratio:
    """`mean` and `deviation` in bytes a token, after `observations` answers."""

    mean: float = COLD_START
    deviation: float = 0.0
    observations: int = 0

    def observed(self, ratio: float, beta: float) -> "Ratio":
        """This estimate after one more answer. `beta` is the weight of the past once it has settled."""
        if not math.isfinite(ratio):
            return self
        seen = min(max(ratio, LOWEST), HIGHEST)
        count = self.observations + 1
        weight = max(1 / count, 1 - beta)
        mean = self.mean + weight * (seen - self.mean)
        deviation = self.deviation + weight * (abs(seen - mean) - self.deviation)
        return Ratio(mean, deviation, count)

    def cautious(self, gamma: float) -> float:
        """The mean less `gamma` deviations: a smaller ratio estimates more tokens, so doubt goes to the longer lane."""
        return max(self.mean - gamma * self.deviation, LOWEST)


COLD = Ratio()
Key = tuple[str, Category]


@dataclass(frozen=True, slots=True)
class Ratios:
    """All estimates. An update is a new value."""

    known: Mapping[Key, Ratio] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, model: str, category: Category) -> Ratio:
        """The estimate for a model and kind of text; the cold start where nothing was seen."""
        return self.known.get((model, category), COLD)

    def observed(self, model: str, category: Category, ratio: float, beta: float) -> "Ratios":
        """These estimates after one more answer."""
        return Ratios({**self.known, (model, category): self.of(model, category).observed(ratio, beta)})
