"""Who floods the line waits for itself."""

import random
from collections.abc import Mapping

import pytest

from tests.unit.classifier.line.fleet import TICK_S, Fleet
from tests.unit.classifier.line.requests import waiting
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.order import LIMITS

TENANTS, SECONDS = 20, 120
RATE = 50_000.0
# Mean work of the requests below.
MEAN = 1_100.0
# Less than a fifth of a second of the fleet's work, and more than some requests.
SLACK = 8_192.0


def waits(load: Mapping[str, float], slack: float, limit_s: float, seed: int) -> dict[str, list[float]]:
    """How long each tenant's requests waited when each comes with this part of the fleet's work."""
    found, line, seq = {name: list[float]() for name in load}, Line(slack), 0
    fleet = Fleet(line, RATE, lambda one, now_s: found[one.tenant].append(now_s - one.accepted_s))
    coming = sorted(one for name, part in load.items() for one in arrivals(name, part * RATE / MEAN, seed))
    for tick in range(round(SECONDS / TICK_S)):
        while seq < len(coming) and coming[seq][0] <= tick * TICK_S:
            at_s, name, prompt, output = coming[seq]
            line.add(waiting(seq, name, prompt=prompt, output=output, accepted_s=at_s, limit_s=limit_s))
            seq += 1
        fleet.tick(tick * TICK_S)
    return found


def arrivals(name: str, a_second: float, seed: int) -> list[tuple[float, str, int, int]]:
    """When a tenant's requests come, and their tokens. The same, whatever the others do."""
    chance, at_s, found = random.Random(f"{seed} {name}"), 0.0, []
    while (at_s := at_s + chance.expovariate(a_second)) < SECONDS:
        found.append((at_s, name, chance.randrange(1, 1_200), chance.randrange(1, 500)))
    return found


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


@pytest.mark.parametrize("load", [0.6, 0.8, 0.95])
@pytest.mark.parametrize("limit_s", [0.5, 5.0])
def test_a_flood_of_one_tenant_does_not_delay_the_others(load: float, limit_s: float) -> None:
    share = load / TENANTS
    calm = {f"t{number}": share for number in range(TENANTS)}
    flood = {**calm, "t0": 20 * share}
    calmly, flooded = waits(calm, SLACK, limit_s, 1), waits(flood, SLACK, limit_s, 1)
    before, after = (p99([wait for name in calm if name != "t0" for wait in each[name]]) for each in (calmly, flooded))
    assert after <= 1.3 * before
    assert len(flooded["t0"]) > len(calmly["t0"]) * 1.5


def test_within_a_tenant_a_late_request_goes_when_it_is_aged() -> None:
    gone: dict[int, float] = {}
    line = Line(SLACK)
    fleet = Fleet(line, RATE, lambda one, now_s: gone.update({one.seq: now_s}))
    line.add(waiting(0, accepted_s=-2.0, limit_s=1.0))
    for tick in range(round(10 / TICK_S)):
        # As much as the fleet takes, all of which can still make it.
        for part in range(5):
            line.add(waiting(5 * tick + part + 1, prompt=200, output=0, accepted_s=tick * TICK_S, limit_s=1.0))
        fleet.tick(tick * TICK_S)
    # What is due when it is aged came a limit before.
    assert gone[0] == pytest.approx(-2.0 + 1.0 + LIMITS * 1.0 - 1.0, abs=0.1)


def test_in_an_overload_nobody_waits_without_end() -> None:
    found = waits({f"t{number}": 0.1 for number in range(TENANTS)}, SLACK, 1.0, 1)
    for name, each in found.items():
        came = arrivals(name, 0.1 * RATE / MEAN, 1)
        assert len(each) > 0.4 * len(came)
        assert max(each) < SECONDS * 0.6
