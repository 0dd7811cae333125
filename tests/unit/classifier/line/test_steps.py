"""Steps grow with the logarithm of what waits."""

import math
import random
import sys
from collections.abc import Callable

from tests.unit.classifier.line.fleet import SHORT
from tests.unit.classifier.line.requests import waiting
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.waiting import Waiting

MANY, TENANTS = 100_000, 10_000


class Counted(float):
    """Counts how often it is compared."""

    steps = 0

    def __add__(self, other: float) -> "Counted":
        return Counted(float(self) + other)

    def __sub__(self, other: float) -> "Counted":
        return Counted(float(self) - other)

    def __lt__(self, other: float) -> bool:
        Counted.steps += 1
        return float(self) < float(other)

    def __eq__(self, other: object) -> bool:
        Counted.steps += 1
        return float(self) == other

    __hash__ = float.__hash__


def one(seq: int, chance: random.Random) -> Waiting:
    tenant = f"t{chance.randrange(TENANTS)}"
    return waiting(seq, tenant, accepted_s=Counted(seq / 1_000), limit_s=chance.choice([1.0, 30.0, 500.0]))


def calls(act: Callable[[], object]) -> int:
    """How many functions are called, built-in ones included."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def cost(requests: int) -> tuple[float, float]:
    """Comparisons and calls for a request that comes, one that leaves and one that goes, where `requests` wait."""
    chance, line = random.Random(1), Line()
    for seq in range(requests):
        line.add(one(seq, chance))
    now_s, turns = requests / 1_000, min(requests // 4, 1_000)
    # Those that are late by now are ranked anew, once.
    line.next(now_s, {SHORT})
    Counted.steps = 0

    def act() -> None:
        for seq in range(requests, requests + turns):
            line.add(one(seq, chance))
            line.remove(seq - requests)
            found = line.next(now_s, {SHORT})
            assert found is not None
            line.release(found.seq)

    made = calls(act)
    return Counted.steps / turns, made / turns


def test_a_hundred_thousand_requests_of_ten_thousand_tenants_take_few_steps_each() -> None:
    steps, made = cost(MANY)
    few_steps, few_made = cost(100)
    assert steps < few_steps * math.log(MANY, 100)
    assert made < few_made * 1.5
