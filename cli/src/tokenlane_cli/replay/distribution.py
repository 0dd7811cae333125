"""Requests drawn from a distribution of lengths, arriving by a Poisson process. Pure, given a seed."""

import bisect
import json
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tokenlane_cli.errors import UsageError

Cdf = list[tuple[float, float]]

# A distribution of totals does not say how they divide. Chats and documents read more than they write: the Azure
# conversation trace of 2023 has 15 % output.
OUTPUT_SHARE = 0.15


def parse_cdf(path: Path, text: str) -> Cdf:
    """Points of (tokens, cumulative fraction), both rising, ending at 1. Raises UsageError."""
    try:
        content = json.loads(text)
        points = content["cdf"] if isinstance(content, dict) else content
        cdf = [(float(tokens), float(fraction)) for tokens, fraction in points]
    except (ValueError, TypeError, KeyError):
        raise UsageError(f"{path} is no distribution: expected a JSON list of [tokens, cumulative fraction]") from None
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(cdf))
    if not cdf or not rising or cdf[0][0] < 0 or cdf[0][1] < 0 or abs(cdf[-1][1] - 1) > 1e-6:
        raise UsageError(f"{path} is no distribution: tokens and fractions must rise, the last fraction must be 1")
    return cdf


def sample(cdf: Cdf, rate: float, seed: int) -> Iterator[tuple[float, int, int]]:
    """Endless (seconds after the start, prompt tokens, output tokens)."""
    dice = random.Random(seed)
    at = 0.0
    while True:
        total = max(2, round(quantile(cdf, dice.random())))
        output = max(1, round(total * OUTPUT_SHARE))
        yield at, total - output, output
        at += dice.expovariate(rate)


def quantile(cdf: Cdf, fraction: float) -> float:
    """Tokens at a cumulative fraction, interpolated; below the first point from zero."""
    index = bisect.bisect_left(cdf, fraction, key=lambda point: point[1])
    low_tokens, low = cdf[index - 1] if index else (0.0, 0.0)
    tokens, high = cdf[min(index, len(cdf) - 1)]
    return tokens if high <= low else low_tokens + (tokens - low_tokens) * (fraction - low) / (high - low)
