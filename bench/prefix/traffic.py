"""Requests that share system prompts."""

from dataclasses import dataclass, field

import numpy as np

_OWN_MEAN, _OWN_SIGMA = 300, 1.0
_OUTPUT_MEAN, _OUTPUT_SIGMA = 200, 0.8
_LEAST, _MOST = 8, 3_000


@dataclass(slots=True, eq=False)
class Request:
    """`prefix`: number of its system prompt. `own` and `output`: tokens of its own prompt and answer. Times in seconds
    of the simulation."""

    prefix: int
    own: int
    output: int
    arrival_s: float = 0.0
    # Requests that came later and went before it.
    skipped: int = 0
    # Since when it could run where its prefix is not.
    passed_s: float | None = None
    hit: bool = False
    first_s: float = field(default=float("nan"))
    end_s: float = field(default=float("nan"))


def draw(count: int, prefixes: int, seed: int) -> list[Request]:
    """Requests of as many system prompts, popular by Zipf's law (exponent 1); the others' lengths are lognormal."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, prefixes + 1)
    of = random.choice(prefixes, count, p=weights / weights.sum())
    own, output = _lengths(random, _OWN_MEAN, _OWN_SIGMA, count), _lengths(random, _OUTPUT_MEAN, _OUTPUT_SIGMA, count)
    return [Request(int(prefix), a, b) for prefix, a, b in zip(of, own, output, strict=True)]


def arrive(requests: list[Request], rate: float, seed: int) -> None:
    """As a Poisson process of `rate` requests a second; infinity: all at once."""
    gaps = np.random.default_rng(seed + 1).exponential(1.0, len(requests)) / rate
    for request, at_s in zip(requests, np.cumsum(gaps), strict=True):
        request.arrival_s = float(at_s)


def _lengths(random: np.random.Generator, mean: float, sigma: float, count: int) -> list[int]:
    drawn = random.lognormal(np.log(mean) - sigma**2 / 2, sigma, count)
    return [min(max(_LEAST, int(length)), _MOST) for length in drawn]
