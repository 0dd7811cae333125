"""How much each key leans on the coarser one, learned from how well it would have predicted. Pure.

Empirical Bayes: of a few strengths, each level takes the one under which what came was most likely. What came is one
bit: was an output within a bound. Where the prompt's length says nothing, say, its levels come to lean on the route
with all their weight.
"""

import math
from collections.abc import Iterable, Sequence

from tokenlane_classifier.estimate.output_keys import LEVELS

STRENGTHS = (2.0, 8.0, 32.0, 128.0, 512.0)
"""In values: with so many of its own, a key weighs as much as all coarser ones."""
_FIRST = 1
_HEAD_START = 1.0
# The score of a strength is the sum of the logarithms of what it gave to what came; half is forgotten after 700.
_KEPT = 0.999
_LEAST_CHANCE = 0.01


class Priors:
    """One strength for each of `LEVELS`. `scores`: by level and strength, at most 0 but for the head start."""

    __slots__ = ("scores", "strengths")

    def __init__(self, scores: Sequence[Sequence[float]] | None = None) -> None:
        """Raises ValueError for scores of another shape."""
        start = [_HEAD_START if at == _FIRST else 0.0 for at in range(len(STRENGTHS))]
        self.scores = [list(own) for own in (scores if scores is not None else [start] * len(LEVELS))]
        if [len(own) for own in self.scores] != [len(STRENGTHS)] * len(LEVELS):
            raise ValueError("no scores of priors")
        self.strengths = [STRENGTHS[own.index(max(own))] for own in self.scores]

    def learn(self, worth: Iterable[tuple[float, float]], behind: float, within: bool) -> None:
        """An output was within a bound, or not. `worth`: coarsest first, how many values a key holds and which share of
        them is within; `behind`: the share that is assumed behind them all."""
        for level, (evidence, share) in enumerate(worth):
            own = evidence * share
            scores = self.scores[level]
            for at, strength in enumerate(STRENGTHS):
                chance = (own + strength * behind) / (evidence + strength)
                likely = chance if within else 1.0 - chance
                scores[at] = _KEPT * scores[at] + math.log(likely if likely > _LEAST_CHANCE else _LEAST_CHANCE)
            strength = self.strengths[level] = STRENGTHS[scores.index(max(scores))]
            behind = (own + strength * behind) / (evidence + strength)


UNLEARNED = Priors()
"""Where there is no tenant's. Not to be taught."""
