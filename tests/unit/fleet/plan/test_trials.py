"""Nothing is simulated twice, and lanes that never meet give the same one by one as together."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fleet.plan.analytic import ENGINE, HARDWARE, SLO, made, trials
from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.plan.design import Design, Engine, fleet, one_pool
from tokenlane_fleet.plan.policies import FIFO, LEAST_WORK, STEALING, lanes
from tokenlane_fleet.plan.trials import Trial, Trials
from tokenlane_fleet.plan.workload import misses, workload
from tokenlane_fleet.sim.fleet import Dispatch
from tokenlane_fleet.sim.run import simulate

OTHER = Engine(32_768, 64, 512, 256)


def test_nothing_is_simulated_twice() -> None:
    with trials() as run:
        trial = Trial(workload(made(50), SLO), 0, one_pool(ENGINE, FIFO), (2,))
        assert run.misses([trial, trial]) == run.misses([trial]) * 2
        assert run.simulations == 1


def test_a_change_in_one_lane_leaves_the_other_as_it_is() -> None:
    with trials() as run:
        work = workload(made(50), SLO)
        design = lanes((1024,), (ENGINE, ENGINE), FIFO)
        run.misses([Trial(work, 0, design, (2, 2))])
        run.misses([Trial(work, 0, design.with_engine(0, OTHER), (2, 2)), Trial(work, 0, design, (2, 3))])
        assert run.simulations == 4


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10**6),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from((FIFO, LEAST_WORK)),
    st.floats(0.5, 30),
)
def test_fixed_lanes_are_separable(seed: int, replicas: tuple[int, int], dispatch: Dispatch, rate: float) -> None:
    """On the real simulator: every request ends where and when it does with the lanes together."""
    work = workload(made(120, rate, seed=seed), SLO)
    design = lanes((1024,), (ENGINE, OTHER), dispatch)
    with ThreadPoolExecutor(2) as executor:
        run = Trials(simulate, executor, HARDWARE)
        trial = Trial(work, 0, design, replicas)
        assert run.separable(work, design)
        (apart,) = run.results([trial])
        together = simulate(work.trace, fleet(design, replicas, HARDWARE), budgets=work.budgets)
        assert run.misses([trial]) == [misses(together, SLO)]
    assert (apart.pool == together.pool).all()
    assert np.array_equal(apart.first_token_s, together.first_token_s)
    assert np.array_equal(apart.finished_s, together.finished_s)
    assert apart.preemptions == together.preemptions
    assert [pool.name for pool in apart.pools] == ["short", "long"]


def test_lanes_are_not_separable_where_requests_move_or_are_taken() -> None:
    work = workload(made(50), SLO)
    small = replace(ENGINE, max_model_len=2048)
    with trials() as run:
        assert not run.separable(work, lanes((1024,), (ENGINE, ENGINE), STEALING))
        assert run.separable(work, lanes((1024,), (small, ENGINE), FIFO))
        assert not run.separable(work, lanes((4096,), (small, ENGINE), FIFO))
        assert not run.separable(work, one_pool(ENGINE, FIFO))


def test_lanes_of_one_queue_cannot_differ_in_its_rules() -> None:
    of = replace(ENGINE, prefill_cap=4096)
    with pytest.raises(FleetSettingError, match="prefill_cap"):
        fleet(lanes((1024,), (ENGINE, of), STEALING), (1, 1), HARDWARE)
    assert fleet(Design(lanes((1024,), (of, of), STEALING).lanes, STEALING), (1, 1), HARDWARE)
