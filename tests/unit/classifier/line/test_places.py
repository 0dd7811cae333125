"""Lanes of one model: each is fair by itself, and where engines are shared, so are they."""

import random
from collections import Counter
from collections.abc import Callable, Container

from tests.unit.classifier.line.requests import waiting
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.order import TARIFF
from tokenlane_classifier.line.waiting import Place

SHORT, LONG = Place("short", "short"), Place("long", "long")
BOTH = (SHORT, LONG)
Served = Counter[tuple[str, Place]]


def run(wants: dict[str, tuple[Place, ...]], room: Callable[[int], Container[Place]], turns: int) -> Served:
    """What tenants are served that always have two requests waiting in each place they want."""
    line, served, chance, seq = Line(2_048), Served(), random.Random(1), 0

    def come(tenant: str, place: Place) -> None:
        nonlocal seq
        seq += 1
        prompt = chance.randrange(100, 300) if place is SHORT else chance.randrange(1_000, 3_000)
        line.add(waiting(seq, tenant, *place, prompt=prompt, output=100, accepted_s=float(seq)))

    for tenant, places in wants.items():
        for place in places * 2:
            come(tenant, place)
    for turn in range(turns):
        found = line.next(float(seq), room(turn))
        if found is not None:
            line.release(found.seq)
            served[found.tenant, found.place] += int(TARIFF.of(found))
            come(found.tenant, SHORT if found.place == SHORT else LONG)
    return served


def test_where_a_lane_rarely_has_room_nobody_loses_its_turn_there_for_what_it_gets_elsewhere() -> None:
    served = run(
        {"mixed": BOTH, "long": (LONG,), "short": (SHORT,)}, lambda turn: BOTH if turn % 50 == 0 else [SHORT], 20_000
    )
    assert 0.9 < served["mixed", LONG] / served["long", LONG] < 1.1
    assert 0.9 < served["mixed", SHORT] / served["short", SHORT] < 1.1


def test_shared_engines_are_shared_by_tenants_of_different_lanes() -> None:
    served = run({"long": (LONG,), "short": (SHORT,)}, lambda turn: BOTH, 5_000)
    assert 0.95 < served["long", LONG] / served["short", SHORT] < 1.05


def test_who_waits_in_two_lanes_has_a_share_in_each() -> None:
    served = run({"mixed": BOTH, "long": (LONG,), "short": (SHORT,)}, lambda turn: BOTH, 20_000)
    shares = [served["mixed", LONG], served["mixed", SHORT], served["long", LONG], served["short", SHORT]]
    assert max(shares) < 1.05 * min(shares)


def test_a_lane_that_was_full_for_long_does_not_keep_the_others_waiting_afterwards() -> None:
    served = run({"long": (LONG,), "short": (SHORT,)}, lambda turn: [SHORT] if turn < 5_000 else BOTH, 6_000)
    before = run({"long": (LONG,), "short": (SHORT,)}, lambda turn: [SHORT], 5_000)
    assert served["short", SHORT] - before["short", SHORT] > 0.8 * served["long", LONG]
