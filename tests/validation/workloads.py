"""Workloads whose arrivals are controlled: they come by engine step, not by the clock."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tokenlane_fleet import SchedulerLimits


@dataclass(frozen=True, slots=True)
class Arrival:
    """`at` is an engine step, or seconds where the workload is timed; lengths in tokens."""

    at: float
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests for one engine, in the order in which they come. The place in it is a request's id."""

    name: str
    limits: SchedulerLimits
    arrivals: Sequence[Arrival]


_LIMITS = SchedulerLimits(
    num_blocks=257, block_size=32, max_num_seqs=64, max_num_batched_tokens=512, max_model_len=2048
)


def _random(
    dice: random.Random, count: int, spread: int, prompts: tuple[int, int], outputs: tuple[int, int]
) -> list[Arrival]:
    """`count` requests of uniform lengths, arriving at random among the first `spread` steps."""
    steps = sorted(dice.randrange(spread) for _ in range(count))
    return [Arrival(step, dice.randint(*prompts), dice.randint(*outputs)) for step in steps]


def _short_beside_long(dice: random.Random) -> list[Arrival]:
    """160 short and 40 long requests at once, mixed. A long one takes 7 to 16 % of the KV cache."""
    kinds = ["short"] * 160 + ["long"] * 40
    dice.shuffle(kinds)
    ranges = {"short": ((16, 128), (16, 96)), "long": ((512, 1024), (64, 256))}
    return [Arrival(0, dice.randint(*ranges[kind][0]), dice.randint(*ranges[kind][1])) for kind in kinds]


def workloads() -> list[Workload]:
    """Each is about another mechanism of the scheduler. The same in every run."""
    dice = random.Random(20)
    scarce = replace(_LIMITS, num_blocks=65, max_num_seqs=32)
    chunks = replace(_LIMITS, max_num_batched_tokens=128)
    threshold = replace(_LIMITS, long_prefill_token_threshold=48)
    few_places = replace(_LIMITS, max_num_seqs=16, max_num_batched_tokens=128)
    many_places = replace(_LIMITS, max_num_seqs=256)
    return [
        Workload("mixed lengths at once", _LIMITS, _random(dice, 48, 1, (1, 400), (1, 120))),
        Workload("staggered arrivals", _LIMITS, _random(dice, 80, 200, (1, 300), (1, 150))),
        Workload("scarce KV", scarce, _random(dice, 48, 40, (20, 300), (40, 300))),
        Workload("long prompts in chunks", chunks, _random(dice, 24, 60, (300, 1800), (8, 64))),
        Workload("prefill threshold", threshold, _random(dice, 40, 60, (16, 900), (16, 120))),
        Workload("many short, few places", few_places, _random(dice, 200, 50, (4, 48), (4, 40))),
        Workload("160 short beside 40 long", many_places, _short_beside_long(dice)),
    ]
