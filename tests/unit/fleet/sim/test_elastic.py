"""Fleets that follow a controller."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fleet.sim.fleets import ROWS, fleet, pool, trace
from tokenlane_fleet import FleetError
from tokenlane_fleet.sim.elastic import Observation, Scaling, simulate_elastic
from tokenlane_fleet.sim.fleet import Pull, Push, PushRule
from tokenlane_fleet.sim.run import simulate

BUSY = [(0.01 * number, 50, 40) for number in range(120)]


def by_backlog(seen: Observation) -> tuple[int, ...]:
    return tuple(1 + (view.waiting_tokens + view.running_tokens) // 600 for view in seen.pools)


def test_a_controller_that_changes_nothing_changes_nothing() -> None:
    requests = trace(BUSY)
    fixed = simulate(requests, fleet(pool(2)))
    still = simulate_elastic(requests, fleet(pool(2)), lambda seen: (2,), Scaling(0.05, 1.0, (2,)))
    assert (still.result.finished_s == fixed.finished_s).all()
    assert still.result.pools[0].replica_s == pytest.approx(fixed.pools[0].replica_s)


def test_more_replicas_finish_sooner_and_a_cold_start_costs_time_and_gpus() -> None:
    requests = trace(BUSY)
    alone = simulate(requests, fleet())
    warm, cold = (
        simulate_elastic(requests, fleet(), by_backlog, Scaling(0.1, start, (8,))).result for start in (0.0, 1.0)
    )
    assert warm.finished_s.max() < cold.finished_s.max() < alone.finished_s.max()
    assert warm.pools[0].replica_s > alone.pools[0].replica_s


def test_the_controller_sees_what_waits_and_what_starts() -> None:
    looks = simulate_elastic(trace(BUSY), fleet(), by_backlog, Scaling(0.1, 1.0, (8,))).looks
    first, second = (look.pools[0] for look in looks[:2])
    assert looks[0].now_s == pytest.approx(0.1)
    assert (first.replicas, first.starting) == (1, 0)
    assert (second.replicas, second.starting) == (1, by_backlog(looks[0])[0] - 1)
    assert first.waiting_tokens == first.waiting_requests * 90
    assert first.running_tokens == first.running_requests * 90
    assert looks[-1].pools[0].finished_tokens > looks[0].pools[0].finished_tokens


def test_one_that_is_let_go_finishes_what_it_has() -> None:
    requests = trace([(0.0, 50, 60)] * 6)
    shrunk = simulate_elastic(requests, fleet(pool(3)), lambda seen: (1,), Scaling(0.05, 0.0, (3,))).result
    fixed = simulate(requests, fleet(pool(3)))
    assert (shrunk.finished_s == fixed.finished_s).all()
    assert shrunk.pools[0].replica_s < fixed.pools[0].replica_s + 1e-9


def test_down_to_nothing_and_back() -> None:
    requests = trace([(0.0, 10, 5), (5.0, 10, 5)])
    result = simulate_elastic(
        requests,
        fleet(),
        lambda seen: (1 if seen.pools[0].waiting_requests else 0,),
        Scaling(0.5, 1.0, (1,)),
    ).result
    assert 1.0 < result.ttft_s[1] < 1.6
    assert result.pools[0].replica_s < 3


def test_waiting_for_ever_is_refused() -> None:
    with pytest.raises(FleetError, match="no replica"):
        simulate_elastic(trace([(0.0, 10, 5), (5.0, 10, 5)]), fleet(), lambda seen: (0,), Scaling(0.5, 1.0, (1,)))


def test_a_router_keeps_one() -> None:
    push = fleet(dispatch=Push(PushRule.LEAST_REQUESTS))
    result = simulate_elastic(trace(BUSY), push, lambda seen: (0,), Scaling(0.1, 0.0, (2,))).result
    assert not result.rejected.any()


@settings(max_examples=30, deadline=None)
@given(ROWS, st.lists(st.integers(0, 4), min_size=1, max_size=10), st.floats(0, 1))
def test_whatever_the_controller_wants_every_request_ends(
    rows: list[tuple[float, int, int]], wants: list[int], cold_start_s: float
) -> None:
    requests, asked = trace(rows), iter(wants)
    result = simulate_elastic(
        requests, fleet(dispatch=Pull()), lambda seen: (next(asked, 1),), Scaling(0.1, cold_start_s, (4,))
    ).result
    assert result.pools[0].generation_tokens == requests.output_tokens.sum()
