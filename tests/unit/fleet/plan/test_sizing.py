"""The fewest replicas, against what trying all of them says."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fleet.plan.analytic import ENGINE, SLO, made, trials
from tokenlane_fleet.plan.design import one_pool
from tokenlane_fleet.plan.policies import FIFO, STEALING, lanes
from tokenlane_fleet.plan.race import HIGHEST_LOAD
from tokenlane_fleet.plan.sizing import fewest, highest_load, slack_at, splits
from tokenlane_fleet.plan.trials import Trial
from tokenlane_fleet.plan.workload import workload

TWO = lanes((1024,), (ENGINE, ENGINE), FIFO)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 60), st.integers(1, 40))
def test_one_pool_is_as_small_as_can_be(rate: float, guess: int) -> None:
    with trials() as run:
        work = workload(made(100, rate), SLO)
        size = fewest(run, work, one_pool(ENGINE, FIFO), (guess,), 200)
        kept = [slack_at(run, work, [Trial(work, 0, one_pool(ENGINE, FIFO), (n,))])[0] >= 0 for n in range(1, 200)]
        assert size.kept == any(kept)
        assert not size.kept or size.total == kept.index(True) + 1


@settings(max_examples=10, deadline=None)
@given(st.floats(0.5, 15))
def test_lanes_are_as_small_as_can_be(rate: float) -> None:
    with trials() as run:
        work = workload(made(100, rate), SLO)
        size = fewest(run, work, TWO, (1, 1), 60)
        fleets = list(product(range(1, 30), range(1, 30)))
        scores = slack_at(run, work, [Trial(work, 0, TWO, replicas) for replicas in fleets])
        assert size.total == min(sum(of) for score, of in zip(scores, fleets, strict=True) if score >= 0)


def test_lanes_that_help_each_other_are_sized_together() -> None:
    with trials() as run:
        work = workload(made(100, 5.0), SLO)
        design = lanes((1024,), (ENGINE, ENGINE), STEALING)
        assert not run.separable(work, design)
        size = fewest(run, work, design, (3, 7), 60)
        assert size.kept
        assert slack_at(run, work, [Trial(work, 0, design, size.replicas)])[0] >= 0


def test_nothing_that_is_allowed_may_be_enough() -> None:
    with trials() as run:
        work = workload(made(100, 60.0), SLO)
        assert not fewest(run, work, one_pool(ENGINE, FIFO), (1,), 3).kept
        assert fewest(run, work, one_pool(ENGINE, FIFO), (1,), 3).replicas == (3,)
        assert not fewest(run, work, TWO, (1, 1), 3).kept


def test_the_highest_load_is_the_last_that_is_kept() -> None:
    with trials() as run:
        work = workload(made(100, 1.0), SLO)
        design = one_pool(ENGINE, FIFO)
        load = highest_load(run, work, design, (4,))
        assert load is not None
        assert load < HIGHEST_LOAD
        below, above = slack_at(run, work, [Trial(work, at, design, (4,)) for at in (load, load + 1)])
        assert below >= 0 > above


@given(st.integers(0, 40), st.lists(st.integers(1, 1000), min_size=1, max_size=3).map(tuple))
def test_splits_share_all_replicas_out(total: int, like: tuple[int, ...]) -> None:
    found = splits(total, like)
    assert all(sum(of) == total and min(of) >= 1 and len(of) == len(like) for of in found)
    assert bool(found) == (total >= len(like))
    assert len(set(found)) == len(found)


def test_the_nearest_split_comes_first() -> None:
    assert splits(10, (1, 1))[0] == (5, 5)
    assert splits(10, (1, 1000))[0] == (1, 9)
