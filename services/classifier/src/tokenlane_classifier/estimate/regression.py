"""Ridge regression in information form: sums that a new observation is added to, solved only when asked. Pure.

Minimises sum of weight * (y - w.x)^2 + ridge * |w - prior|^2, so w = prior + (A + ridge I)^-1 (b - A prior) with
A = sum of weight * x x' and b = sum of weight * y * x (Hoerl & Kennard 1970; with a prior mean it is Bayesian linear
regression, Bishop, Pattern Recognition and Machine Learning, section 3.3).
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from operator import mul

# Weights grow instead of the past being scaled down at each observation; before they get too large, all are scaled.
_LARGEST_GROWTH = 1e6


class Moments:
    """A (lower triangle, row by row) and b over `size` features, with exponential forgetting. 4 size^2 bytes."""

    __slots__ = ("a", "b", "growth", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.a = array("d", bytes(8 * (size * (size + 1) // 2)))
        self.b = array("d", bytes(8 * size))
        # Weight of an observation made now.
        self.growth = 1.0

    def add(self, x: Sequence[float], y: float, weight: float, forgetting: float) -> None:
        """One more observation. What was known before counts `forgetting` times as much as until now. O(k^2) in the
        features that are not 0."""
        self.growth /= forgetting
        if self.growth > _LARGEST_GROWTH:
            self._scale(1.0 / self.growth)
        weight *= self.growth
        present = [place for place, value in enumerate(x) if value]
        a, b = self.a, self.b
        for place in present:
            scaled = weight * x[place]
            b[place] += scaled * y
            row = place * (place + 1) // 2
            for other in present:
                if other > place:
                    break
                a[row + other] += scaled * x[other]

    def _scale(self, factor: float) -> None:
        self.growth *= factor
        self.a = array("d", [value * factor for value in self.a])
        self.b = array("d", [value * factor for value in self.b])

    def solved(self, prior: Sequence[float], ridge: float) -> list[float]:
        """The weights. A feature that was never seen keeps its prior. O(k^3) in the features that were seen."""
        a, ridge = self.a, ridge * self.growth
        seen = [place for place in range(self.size) if a[place * (place + 3) // 2] > 0]
        rows = [[a[place * (place + 1) // 2 + other] for other in seen[: row + 1]] for row, place in enumerate(seen)]
        residual = [
            self.b[place]
            - sum((rows[row][col] if col <= row else rows[col][row]) * prior[other] for col, other in enumerate(seen))
            for row, place in enumerate(seen)
        ]
        weights = list(prior)
        for place, change in zip(seen, _solve(rows, residual, ridge), strict=True):
            weights[place] += change
        return weights


def total(parts: Iterable[Moments], size: int) -> Moments:
    """All observations of `parts`, each as if made now."""
    sums = Moments(size)
    for part in parts:
        share = 1.0 / part.growth
        sums.a = array("d", [mine + share * other for mine, other in zip(sums.a, part.a, strict=True)])
        sums.b = array("d", [mine + share * other for mine, other in zip(sums.b, part.b, strict=True)])
    return sums


def _solve(rows: list[list[float]], y: Sequence[float], ridge: float) -> list[float]:
    """x of (rows + ridge I) x = y by Cholesky's factors. `rows`: lower triangle, positive semidefinite."""
    factor: list[list[float]] = []
    forward: list[float] = []
    for row, values in enumerate(rows):
        line: list[float] = []
        for col in range(row):
            other = factor[col]
            line.append((values[col] - sum(map(mul, line, other))) / other[col])
        pivot = values[row] + ridge - sum(value * value for value in line)
        line.append(math.sqrt(max(pivot, ridge)))
        factor.append(line)
        forward.append((y[row] - sum(map(mul, line, forward))) / line[row])
    x = forward
    for row in range(len(x) - 1, -1, -1):
        x[row] /= factor[row][row]
        for col in range(row):
            x[col] -= factor[row][col] * x[row]
    return x
