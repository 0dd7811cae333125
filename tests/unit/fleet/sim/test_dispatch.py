"""How requests find engines."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fleet.sim.fleets import ROWS, fleet, limits, pool, trace
from tokenlane_fleet import FleetError
from tokenlane_fleet.sim.fleet import Bind, Dispatch, Fleet, Order, Pool, Pull, Push, PushRule, Steal
from tokenlane_fleet.sim.run import simulate

RULES: list[Dispatch] = [
    *(Push(rule, spill=spill) for rule, spill in itertools.product(PushRule, (False, True))),
    *(
        Pull(order, 1.0, cap, late, steal, bind)
        for order, cap, late, steal, bind in itertools.product(Order, (0, 64), (False, True), Steal, Bind)
    ),
]


def two_lanes(dispatch: Dispatch, short: int = 2, long: int = 1) -> Fleet:
    return fleet(
        pool(short, "short", 100, limits(max_model_len=120)), pool(long, "long", engine=limits()), dispatch=dispatch
    )


@settings(deadline=None)
@given(ROWS, st.sampled_from(RULES), st.floats(0.3, 1.5))
def test_every_request_ends_once_with_all_its_tokens(
    rows: list[tuple[float, int, int]], dispatch: Dispatch, misjudged: float
) -> None:
    requests = trace(rows)
    budgets = np.maximum(1, (requests.total_tokens * misjudged).astype(np.int64))
    limit = np.full(len(requests), 0.5)
    result = simulate(requests, two_lanes(dispatch), budgets=budgets, ttft_limit_s=limit)
    assert not result.rejected.any()
    assert (requests.arrival_s < result.first_token_s).all()
    assert (result.first_token_s <= result.finished_s).all()
    assert sum(pool.generation_tokens for pool in result.pools) == requests.output_tokens.sum()
    assert sum(pool.prompt_tokens for pool in result.pools) >= requests.prompt_tokens.sum()
    assert result.preempted.sum() == result.preemptions
    again = simulate(requests, two_lanes(dispatch), budgets=budgets, ttft_limit_s=limit)
    assert (again.finished_s == result.finished_s).all()


def test_budgets_choose_the_lane_and_equal_the_boundary_is_short() -> None:
    requests = trace([(0.0, 50, 50), (0.0, 50, 51)])
    assert simulate(requests, two_lanes(Pull())).pool.tolist() == [0, 1]
    assert simulate(requests, two_lanes(Pull()), budgets=np.array([101, 100])).pool.tolist() == [1, 0]


def test_a_prompt_that_no_context_holds_is_rejected_and_one_the_short_lane_cannot_hold_goes_on() -> None:
    result = simulate(trace([(0.0, 400, 1), (0.0, 130, 5)]), two_lanes(Pull()), budgets=np.array([10, 10]))
    assert result.pool.tolist() == [1, -1]
    assert np.isnan(result.finished_s).tolist() == [False, True]


@pytest.mark.parametrize("dispatch", [Pull(), Push(PushRule.LEAST_WORK)])
def test_a_request_that_outgrows_its_lane_moves_on(dispatch: Dispatch) -> None:
    requests = trace([(0.0, 60, 100)])
    result = simulate(requests, two_lanes(dispatch), budgets=np.array([70]))
    assert (result.pool.tolist(), result.moved.tolist()) == ([1], [True])
    assert [pool.generation_tokens for pool in result.pools] == [60, 40]
    # Its 120 tokens are computed again, less the one that the next step would compute anyway.
    assert [pool.prompt_tokens for pool in result.pools] == [60, 120]


def test_the_end_of_the_longest_context_ends_a_request() -> None:
    result = simulate(trace([(0.0, 390, 100)]), fleet())
    assert result.pools[0].generation_tokens == 10
    assert result.finished_s[0] > result.first_token_s[0]


def test_a_queue_hands_out_by_arrival_or_by_the_moment_a_prefill_must_begin() -> None:
    requests = trace([(0.0, 10, 50), (0.1, 10, 5), (0.2, 10, 5)])
    limit = np.array([9.0, 9.0, 1.0])
    one_at_a_time = fleet(pool(engine=limits(max_num_seqs=1)))
    fifo = simulate(requests, one_at_a_time, ttft_limit_s=limit)
    assert fifo.first_token_s.argsort().tolist() == [0, 1, 2]
    by_deadline = simulate(requests, replace(one_at_a_time, dispatch=Pull(Order.DEADLINE)), ttft_limit_s=limit)
    assert by_deadline.first_token_s.argsort().tolist() == [0, 2, 1]


def test_what_is_late_waits_for_the_rest() -> None:
    requests = trace([(0.0, 10, 50), (0.01, 10, 5), (0.02, 10, 5)])
    limit = np.array([9.0, 0.05, 9.0])
    one_at_a_time = fleet(pool(engine=limits(max_num_seqs=1)), dispatch=Pull(Order.DEADLINE, late_last=True))
    result = simulate(requests, one_at_a_time, ttft_limit_s=limit)
    assert result.first_token_s.argsort().tolist() == [0, 2, 1]


def test_credit_keeps_engines_from_preempting_and_overcommitment_fills_them() -> None:
    requests = trace([(0.0, 100, 100)] * 12)
    engine = limits(num_blocks=40, max_num_seqs=12)
    strict = simulate(requests, fleet(pool(engine=engine), dispatch=Pull(overcommit=0.7)))
    usual = simulate(requests, fleet(pool(engine=engine)))
    loose = simulate(requests, fleet(pool(engine=engine), dispatch=Pull(overcommit=4.0)))
    assert strict.preemptions == 0
    assert loose.preemptions > usual.preemptions > 0
    assert loose.pools[0].steps < strict.pools[0].steps


def test_a_cap_on_prefill_spreads_prompts_over_time() -> None:
    requests = trace([(0.0, 100, 5)] * 6)
    free = simulate(requests, fleet(pool(2)))
    capped = simulate(requests, fleet(pool(2), dispatch=Pull(prefill_cap=100)))
    assert capped.ttft_s.max() >= free.ttft_s.max() - 1e-9
    assert np.median(capped.finished_s) < np.median(free.finished_s)


@pytest.mark.parametrize("bind", Bind)
def test_an_idle_worker_takes_what_another_lane_has_and_never_what_it_cannot_hold(bind: Bind) -> None:
    requests = trace([(0.0, 20, 60)] * 40 + [(0.0, 150, 60)] * 6)
    apart = simulate(requests, two_lanes(Pull(bind=bind), short=1, long=2))
    shared = simulate(requests, two_lanes(Pull(bind=bind, steal=Steal.WHEN_IDLE), short=1, long=2))
    big = requests.total_tokens > 120
    assert set(apart.pool[~big]) == {0}
    assert set(shared.pool[~big]) == {0, 1}
    assert set(shared.pool[big]) == {1}
    assert shared.finished_s.max() < apart.finished_s.max()


def test_routers_balance_by_what_they_look_at() -> None:
    requests = trace([(0.001 * number, 200 if number % 2 else 10, 10) for number in range(40)])
    turn, work = (
        simulate(requests, fleet(pool(2, engine=limits(num_blocks=400)), dispatch=Push(rule)))
        for rule in (PushRule.ROUND_ROBIN, PushRule.LEAST_WORK)
    )
    assert work.finished_s.max() < turn.finished_s.max()


def test_a_full_pool_spills_to_the_next() -> None:
    requests = trace([(0.0, 20, 60)] * 20)
    kept = simulate(requests, two_lanes(Push(PushRule.LEAST_REQUESTS), short=1))
    spilt = simulate(requests, two_lanes(Push(PushRule.LEAST_REQUESTS, spill=True), short=1))
    assert set(kept.pool) == {0}
    assert np.bincount(spilt.pool).tolist() == [8 + 4, 8]


def test_transit_delays_what_an_engine_sees_and_counts_as_waiting() -> None:
    requests = trace([(0.0, 10, 5)])
    near, far = (simulate(requests, fleet(transit_s=transit)) for transit in (0.0, 0.25))
    assert far.ttft_s[0] == pytest.approx(near.ttft_s[0] + 0.25)


def test_time_held_and_busy_are_counted() -> None:
    result = simulate(trace([(0.0, 10, 5), (10.0, 10, 5)]), fleet(pool(3)))
    assert result.pools[0].replica_s == pytest.approx(3 * result.ended_s)
    assert result.pools[0].busy_s < 1


@pytest.mark.parametrize(
    ("pools", "said"),
    [
        ((pool(name="a"), pool(name="b")), "boundary"),
        ((pool(up_to_tokens=5),), "last must have none"),
        ((pool(up_to_tokens=9), pool(up_to_tokens=5), pool()), "ascend"),
    ],
)
def test_fleets_that_contradict_themselves_are_refused(pools: tuple[Pool, ...], said: str) -> None:
    with pytest.raises(FleetError, match=said):
        fleet(*pools)


def test_arrays_of_another_trace_are_refused() -> None:
    with pytest.raises(FleetError, match="one entry for each of 1"):
        simulate(trace([(0.0, 1, 1)]), fleet(), budgets=np.array([1, 2]))
    with pytest.raises(FleetError, match="at least 1"):
        simulate(trace([(0.0, 1, 1)]), fleet(), budgets=np.array([0]))
