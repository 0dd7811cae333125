"""Boundaries split the trace, and the closed form says what the paper's does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleet.plan.analytic import SLO, made
from tokenlane_fleet.plan.boundaries import LADDER, candidates, closed_form, neighbours, share_below
from tokenlane_fleet.plan.workload import workload
from tokenlane_fleet.sim.trace import Trace

LENGTHS = st.lists(st.integers(2, 100_000), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 9))
def test_every_boundary_has_requests_on_both_sides(lengths: list[int], count: int) -> None:
    prompts = np.array(lengths) - 1
    work = workload(Trace("t", np.arange(len(lengths), dtype=float), prompts, np.ones_like(prompts)), SLO)
    found = candidates(work, count)
    assert len(found) <= count
    assert list(found) == sorted(set(found))
    assert all(0 < share_below(work, boundary) < 1 for boundary in found)
    assert set(found) <= {*LADDER, 1024}


def test_equal_lengths_cannot_be_split() -> None:
    assert candidates(workload(made(spread=0), SLO), 7) == ()


def test_the_classes_own_boundary_is_among_them() -> None:
    trace = made()
    spread = Trace("t", trace.arrival_s, np.arange(1, 4001, 10), np.ones(400, dtype=np.int64))
    assert 1024 in candidates(workload(spread, SLO), 1)


def test_the_closed_form() -> None:
    assert closed_form(0.8, 2.0) == pytest.approx(0.4)
    assert closed_form(0.8, 0.5) == pytest.approx(-0.8)
    assert closed_form(0.8, 0.0) == 0.0


def test_neighbours_are_the_rungs_next_to_it() -> None:
    trace = made()
    spread = Trace("t", trace.arrival_s, np.arange(1, 4001, 10), np.ones(400, dtype=np.int64))
    assert neighbours(workload(spread, SLO), 1024) == (768, 1536)
    assert neighbours(workload(spread, SLO), 3072) == (2048,)
