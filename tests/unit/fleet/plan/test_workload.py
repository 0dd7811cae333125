"""Loads, lanes and stretches of a trace, and what may be missed in them."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleet.plan.analytic import SLO, made
from tokenlane_fleet.plan.workload import LOAD_STEP, allowed_misses, workload
from tokenlane_fleet.sim.trace import Trace


@given(st.integers(-60, 60))
def test_a_load_is_the_same_requests_at_another_rate(load: int) -> None:
    work = workload(made(50), SLO)
    trace = work.at(load)
    assert trace.rate == pytest.approx(work.trace.rate * LOAD_STEP**load)
    assert (trace.total_tokens == work.trace.total_tokens).all()


def test_it_begins_at_zero_whatever_the_clock() -> None:
    trace = made(10)
    late = Trace("late", trace.arrival_s + 1.7e9, trace.prompt_tokens, trace.output_tokens)
    assert workload(late, SLO).trace.arrival_s[0] == 0


@given(st.lists(st.integers(1, 5000), max_size=3, unique=True).map(sorted))
def test_lanes_share_out_the_requests(boundaries: list[int]) -> None:
    work = workload(made(200), SLO)
    edges = [0, *boundaries, None]
    members = [work.members(above or 0, up_to) for above, up_to in pairwise(edges)]
    assert (np.sum(members, axis=0) == 1).all()


def test_limits_for_the_queue_go_by_what_is_believed() -> None:
    trace = Trace("t", np.zeros(2), np.array([100, 100]), np.array([10, 10]))
    assert workload(trace, SLO, np.array([110, 4000])).ttft_s.tolist() == [1.0, 5.0]


def test_a_class_may_miss_its_share_and_an_empty_one_binds_nothing() -> None:
    assert allowed_misses((1000, 0), SLO)[0] == pytest.approx(10)
    assert math.isinf(allowed_misses((1000, 0), SLO)[1])


def test_few_requests_of_a_class_do_not_decide_about_a_lane() -> None:
    work = workload(made(4000), SLO)
    longest = np.flatnonzero(work.trace.total_tokens > 1024)
    few = np.ones(len(work), dtype=bool)
    few[longest[3:]] = False
    assert work.only(few).allowed[1] == pytest.approx(0.03)
    assert work.lenient(few, 0.5).allowed[1] == pytest.approx(work.allowed[1] / 2)
    assert work.lenient(few, 0.5).allowed[0] == pytest.approx(work.allowed[0])


def test_the_busiest_stretch_is_where_tokens_come_fastest() -> None:
    quiet, rush = np.arange(100.0), 100 + np.arange(50) / 10
    arrival = np.concatenate((quiet, rush, 200 + quiet))
    tokens = np.full(len(arrival), 100)
    stretch = workload(Trace("t", arrival, tokens, tokens), SLO).busiest(50)
    assert stretch.trace.arrival_s.tolist() == rush.tolist()
    assert len(workload(made(20), SLO).busiest(50)) == 20
