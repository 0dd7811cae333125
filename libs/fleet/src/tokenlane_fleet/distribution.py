"""A distribution of total tokens, as it is published in place of a trace. Free of numpy: replays draw from it too."""

import bisect
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from tokenlane_fleet.errors import TraceError

# A distribution of totals does not say how they divide. Chats and documents read more than they write: the Azure
# conversation trace of 2023 has 15 % output.
OUTPUT_SHARE = 0.15
_END = 1e-6


@dataclass(frozen=True, slots=True)
class Distribution:
    """Points of (tokens, cumulative fraction). Raises TraceError unless tokens ascend from at least 0 and fractions do
    not fall, ending at 1."""

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise TraceError("a distribution needs at least one point")
        if not all(math.isfinite(number) for point in self.points for number in point):
            raise TraceError("tokens and fractions must be finite numbers")
        rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(self.points))
        if not rising or self.points[0][0] < 0 or self.points[0][1] < 0 or abs(self.points[-1][1] - 1) > _END:
            raise TraceError("tokens and fractions must rise, the last fraction must be 1")

    @classmethod
    def of(cls, points: Iterable[Iterable[float]]) -> "Distribution":
        """From pairs of numbers. Raises TraceError, also for what is not a pair of numbers."""
        try:
            return cls(tuple((float(tokens), float(fraction)) for tokens, fraction in points))
        except (TypeError, ValueError, OverflowError):
            raise TraceError("expected pairs of tokens and cumulative fraction") from None

    def quantile(self, fraction: float) -> float:
        """Tokens at a cumulative fraction (0..1), interpolated; below the first point from zero."""
        points = self.points
        index = bisect.bisect_left(points, fraction, key=lambda point: point[1])
        low_tokens, low = points[index - 1] if index else (0.0, 0.0)
        tokens, high = points[min(index, len(points) - 1)]
        return tokens if high <= low else low_tokens + (tokens - low_tokens) * (fraction - low) / (high - low)


def divide(total: float, output_share: float = OUTPUT_SHARE) -> tuple[int, int]:
    """Prompt and output tokens of a total, both at least 1."""
    tokens = max(2, round(total))
    output = min(max(1, round(tokens * output_share)), tokens - 1)
    return tokens - output, output
