"""Traffic and lanes for tests."""

import random
from collections.abc import Iterable

from tokenlane_fleet.boundary import LaneCapacity, Lengths, Traffic

Request = tuple[int, int]


def chat(count: int, rng: random.Random) -> list[Request]:
    """Prompts with a median of 1,000 tokens, outputs of 150."""
    return [
        (round(1_000 * rng.lognormvariate(0, 0.6)) + 1, round(150 * rng.lognormvariate(0, 0.6)) + 1)
        for _ in range(count)
    ]


def alike(count: int, rng: random.Random) -> list[Request]:
    """Around 1,280 tokens in all."""
    return [(rng.randint(950, 1_100), rng.randint(200, 300)) for _ in range(count)]


def long_heavy(count: int, rng: random.Random) -> list[Request]:
    """Three of ten are documents."""
    found = chat(count, rng)
    for place in range(0, count, 10):
        found[place : place + 3] = [(round(9_000 * rng.lognormvariate(0, 0.8)) + 4_096, 350) for _ in range(3)]
    return found[:count]


def lengths_of(requests: Iterable[Request]) -> Lengths:
    lengths = Lengths()
    for at, (prompt, output) in enumerate(requests):
        lengths.observe(prompt, output, float(at))
    return lengths


def traffic_of(requests: Iterable[Request], rate: float) -> Traffic:
    return lengths_of(requests).traffic(rate=rate)


def lanes(
    short: int = 4, long: int = 4, *, elastic: bool = False, speed: float = 11_000, short_context: int = 131_072
) -> list[LaneCapacity]:
    return [
        LaneCapacity("short", short, speed, short_context, elastic),
        LaneCapacity("long", long, speed, 131_072, elastic),
    ]
