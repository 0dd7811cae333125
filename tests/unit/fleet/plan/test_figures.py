"""Figures of a result that was made by hand."""

import numpy as np
import pytest

from tests.unit.fleet.plan.analytic import ENGINE, HARDWARE, SLO
from tokenlane_fleet.plan.design import one_pool
from tokenlane_fleet.plan.figures import Found, class_figures, curves, option, slo_facts, trace_facts
from tokenlane_fleet.plan.policies import FIFO, LEAST_WORK, lanes
from tokenlane_fleet.plan.sizing import Size
from tokenlane_fleet.sim.result import PoolTotals, Result
from tokenlane_fleet.sim.trace import Trace

TRACE = Trace("t", np.array([0.0, 1.0, 2.0, 3600.0]), np.array([100, 100, 90, 5000]), np.array([11, 1, 11, 11]))
TOTALS = PoolTotals("all", 100, 3, 1.0, 2.0, 0.5, 1, 1)
RESULT = Result(
    TRACE,
    np.array([0, 0, -1, 0], dtype=np.int32),
    np.array([0.5, 3.0, np.nan, 3601.0]),
    np.array([1.0, 3.0, np.nan, 3602.0]),
    np.array([3, 0, 0, 0], dtype=np.int32),
    np.array([True, False, False, False]),
    (TOTALS,),
    3602.0,
)


def test_a_fleet_in_figures() -> None:
    found = Found("one", "one pool", "pulled", one_pool(ENGINE, FIFO), Size((3,), True), 1.2)
    made = option(found, RESULT, HARDWARE, SLO, 3.0)
    assert (made.replicas, made.gpus, made.gpu_hours) == (3, 6, 6.0)
    assert (made.cost, made.cost_per_hour) == (18.0, 18.0)
    assert made.goodput_per_gpu == pytest.approx(1 / 3600 / 6)
    assert (made.preemptions, made.preemptions_per_1000, made.rejected, made.moved) == (3, 750.0, 1, 1)
    assert made.pools[0].engine_flags[:2] == ("--tensor-parallel-size", "2")


def test_classes_count_rejected_requests_as_missed() -> None:
    short, long = class_figures(RESULT, SLO)
    assert short.requests == 3
    assert short.attainment == pytest.approx(1 / 3)
    assert short.ttft_p50_s == pytest.approx(1.25)
    assert (long.requests, long.attainment) == (1, 0.0)
    assert long.tpot_p99_s == pytest.approx(0.1)


def test_a_class_without_requests_has_no_figures() -> None:
    result = Result(
        TRACE.only(np.arange(4) == 0),
        RESULT.pool[:1],
        RESULT.first_token_s[:1],
        RESULT.finished_s[:1],
        RESULT.preempted[:1],
        RESULT.moved[:1],
        (TOTALS,),
        1.0,
    )
    long = class_figures(result, SLO)[1]
    assert (long.requests, long.attainment, long.ttft_p99_s) == (0, 0.0, 0.0)
    assert {curve.class_name for curve in curves(result, SLO)} == {"short"}


def test_a_router_has_no_rules_of_pulling() -> None:
    design = lanes((1024,), (ENGINE, ENGINE), LEAST_WORK)
    made = option(Found("x", "x", "", design, Size((1, 2), True), 1.0), RESULT, HARDWARE, SLO, 3.0)
    lanes_made = [(pool.name, pool.up_to_tokens, pool.replicas) for pool in made.pools]
    assert lanes_made == [("short", 1024, 1), ("long", None, 2)]
    assert {(pool.kv_overcommit, pool.prefill_cap) for pool in made.pools} == {(1.0, 0)}


def test_the_question_in_figures() -> None:
    facts = trace_facts(TRACE, "half of it")
    assert (facts.requests, facts.duration_s, facts.total_max, facts.note) == (4, 3600.0, 5011, "half of it")
    short, long = slo_facts(SLO)
    assert (short.ttft, short.up_to_tokens) == ("1 s", 1024)
    assert (long.ttft, long.up_to_tokens) == ("max(5 s, 1 s + prompt / 4000 a second)", None)
