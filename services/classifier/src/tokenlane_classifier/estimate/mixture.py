"""A quantile of several distributions, each leaning on the next. Pure.

Each distribution is taken as its own values and `prior` values drawn from the one behind it: the mean of a Dirichlet
process, applied along the chain (Teh, Jordan, Beal, Blei: Hierarchical Dirichlet processes, JASA 2006, section 4, with
every value at a table of its own). Where there are many values they decide; where there are few, those behind do.
"""

from bisect import bisect_left
from collections.abc import Sequence

from tokenlane_classifier.estimate.sketch import HalfLife, Sketch, Sums

Part = tuple[float, Sums, int, float]
"""What a distribution brings to a mixture, the distribution, its place in the chain (-1: behind them all), and how many
values its own are worth. What all bring is 1 together."""

# Where those behind would bring less than this together, they are left out; so is one that would bring less by itself.
_LEAST_SHARE = 1 / 64


def mixed(chain: Sequence[tuple[Sketch, float]], last: Sums, now_ms: int, half_life: HalfLife) -> list[Part]:
    """The mixture of these, coarsest first, each with its prior, and of `last` behind them all. Finest first."""
    parts: list[Part] = []
    left = 1.0
    for place in range(len(chain) - 1, -1, -1):
        sketch, prior = chain[place]
        evidence = sketch.evidence(now_ms, half_life)
        share = left * evidence / (evidence + prior)
        if share < _LEAST_SHARE:
            continue
        left -= share
        if left < _LEAST_SHARE:
            parts.append((share + left, sketch.sums(), place, evidence))
            return parts
        parts.append((share, sketch.sums(), place, evidence))
    parts.append((left, last, -1, 0.0))
    return parts


def quantile(parts: Sequence[Part], level: float) -> int:
    """The lowest bin by which the mixture has reached `level`, 0..1. `parts`: at least one, and none empty."""
    wanted = min(level, 1.0) - 1e-9
    # Not below the lowest of their own quantiles, and not above the highest.
    own = [first + bisect_left(running, wanted * running[-1]) for _, (first, running), _, _ in parts]
    low, high = min(own), max(own)
    while low < high:
        half = (low + high) // 2
        if _reached(parts, half) >= wanted:
            high = half
        else:
            low = half + 1
    return low


def rests_on(parts: Sequence[Part]) -> tuple[int, float]:
    """The place by which, finest first, half of the mixture has been brought, and its evidence."""
    brought = 0.0
    for share, _, place, evidence in parts:
        brought += share
        if brought >= 0.5:
            return place, evidence
    return -1, 0.0


def _reached(parts: Sequence[Part], number: int) -> float:
    reached = 0.0
    for share, (first, running), _, _ in parts:
        at = number - first
        if at >= 0:
            reached += share * running[at] / running[-1] if at < len(running) else share
    return reached
