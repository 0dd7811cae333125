"""What bench.prefix rests on: a cache, engines in steps, and who goes next."""

import math
from collections.abc import Sequence

import pytest

from bench.prefix.cache import KvCache
from bench.prefix.line import Choice, Rule, next_turn, take
from bench.prefix.replica import Engine, Replica
from bench.prefix.simulate import simulate
from bench.prefix.study import RULES, Case, measure
from bench.prefix.traffic import Request, arrive, draw
from tokenlane_fleet import StepCost

ENGINE = Engine(StepCost(0.01, 0.0, 0.0001, 0.0, 0.0, 0.0), 10_000, 1_000, 500, 4)


def request(prefix: int, own: int = 100) -> Request:
    return Request(prefix, own, 50)


def replicas(*held: int) -> list[Replica]:
    """As many as prefixes are named; each holds one."""
    made = [Replica(ENGINE, number) for number in range(len(held))]
    for replica, prefix in zip(made, held, strict=True):
        replica.cache.begin(gone := request(prefix))
        replica.cache.end(gone)
    return made


def turn(
    line: Sequence[Request], fleet: Sequence[Replica], choice: Choice, wait_s: float = 0.0, now_s: float = 0.0
) -> tuple[int, int] | None:
    found = next_turn(line, fleet, now_s, Rule(choice, wait_s))
    return None if found is None else (found.place, found.replica.number)


def full(replica: Replica) -> None:
    replica.begin(request(99, 5_000), 0.0)


def test_a_cache_drops_what_was_not_used_for_longest_and_nothing_that_is_in_use() -> None:
    cache = KvCache(4_000, 1_000)
    used = request(0)
    assert not cache.begin(used)
    for prefix in (1, 2, 3):
        cache.begin(ended := request(prefix))
        cache.end(ended)
    assert [cache.holds(prefix) for prefix in range(4)] == [True, False, True, True]
    assert cache.begin(request(0)), "who shares it finds it"
    assert not cache.fits(request(4, 4_000))


def test_a_warm_cache_holds_the_most_popular() -> None:
    cache = KvCache(4_000, 1_000)
    cache.warm(9)
    assert [cache.holds(prefix) for prefix in range(6)] == [True] * 4 + [False] * 2


def test_without_a_look_at_prefixes_the_first_goes_to_the_worker_that_has_had_room_for_longest() -> None:
    fleet = replicas(1, 2)
    fleet[0].parked_s = 1.0
    assert turn([request(1), request(2)], fleet, Choice.NONE) == (0, 1)


def test_a_worker_prefers_what_it_holds_in_line() -> None:
    assert turn([request(5), request(1)], replicas(1, 2), Choice.ORDER) == (1, 0)
    assert turn([request(5), request(2)], replicas(1, 2), Choice.ORDER) == (0, 0), "the other one does"
    assert turn([request(2)], replicas(1, 2), Choice.ORDER) == (0, 0)


def test_a_request_prefers_its_holder_and_waits_for_it_no_longer_than_it_may() -> None:
    fleet, asked = replicas(1, 2), request(2)
    assert turn([asked], fleet, Choice.HOLDER) == (0, 1)
    full(fleet[1])
    assert turn([asked], fleet, Choice.HOLDER) == (0, 0)
    assert turn([asked], fleet, Choice.HOLDER, wait_s=0.1) is None
    assert turn([asked], fleet, Choice.HOLDER, wait_s=0.1, now_s=0.05) is None
    assert turn([asked], fleet, Choice.HOLDER, wait_s=0.1, now_s=0.1) == (0, 0)
    assert turn([request(7)], fleet, Choice.HOLDER, wait_s=0.1) == (0, 0), "nobody holds it"


def test_an_owner_is_preferred_whatever_it_holds() -> None:
    fleet = replicas(7, 7, 7, 7)
    owners = {prefix: turn([request(prefix)], fleet, Choice.OWNER) for prefix in range(200)}
    assert set(owners.values()) == {(0, number) for number in range(4)}
    _, owner = owners[3] or (0, 0)
    full(fleet[owner])
    assert turn([request(3)], fleet, Choice.OWNER) not in (None, (0, owner))


def test_the_least_work_counts_what_is_before_it() -> None:
    fleet = replicas(1, 2)
    fleet[1].begin(request(2, 1_900), 0.0)
    assert turn([request(2)], fleet, Choice.LEAST_WORK) == (0, 0)
    assert turn([request(2)], fleet, Choice.HOLDER) == (0, 1)


def test_nobody_is_passed_by_without_end() -> None:
    fleet, line = replicas(1), [request(5), *(request(1) for _ in range(40))]
    first = line[0]
    for _ in range(32):
        found = next_turn(line, fleet, 0.0, Rule(Choice.ORDER))
        assert found is not None
        assert take(line, found).prefix == 1
    found = next_turn(line, fleet, 0.0, Rule(Choice.ORDER))
    assert found is not None
    assert take(line, found) is first


@pytest.mark.parametrize("rule", RULES.values())
@pytest.mark.parametrize("rate", [5.0, math.inf])
def test_every_request_is_answered_token_by_token(rule: Rule, rate: float) -> None:
    requests = draw(60, 4, 1)
    arrive(requests, rate, 1)
    simulate(requests, ENGINE, 2, rule)
    for each in requests:
        assert each.arrival_s < each.first_s
        assert each.end_s - each.first_s >= (each.output - 1) * ENGINE.cost.overhead_s


def test_a_prompt_that_is_found_is_not_computed() -> None:
    for found, steps in ((False, 3), (True, 1)):
        (replica,) = replicas(1 if found else 2)
        replica.begin(asked := request(1), 0.0)
        for step in range(1, steps + 1):
            replica.step()
            replica.finish(float(step))
        assert (asked.hit, asked.first_s) == (found, steps)


def test_where_all_prefixes_fit_every_cache_no_rule_changes_anything() -> None:
    found = measure(Case(2, 1, 500, 100, 1), [0.5])
    assert found.waiting["central"].hits == found.loaded[0.5]["holder"].hits == 1.0
    assert found.waiting["order"].rate == found.waiting["central"].rate
