"""Counts by route, lane, worker and hour, in bounded memory."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.tune.made import HOUR_MS, MONDAY_MS, row, traffic_of
from tokenlane_cli.tune.counted import counted
from tokenlane_cli.tune.lanes import Workers
from tokenlane_cli.tune.prefill import Prefills
from tokenlane_cli.tune.present import LaneNow, Present
from tokenlane_cli.tune.routes import Route, Routes
from tokenlane_cli.tune.traffic import MOST_MODELS, Traffic

PRESENT = Present((LaneNow("short", 1000), LaneNow("long", None)), "as given")


@given(st.lists(st.integers(0, 30), max_size=300))
def test_many_routes_are_folded_and_no_request_is_lost(tenants: list[int]) -> None:
    routes = Routes(most=8)
    for tenant in tenants:
        routes.add(row(tenant=f"t{tenant}", output_budget=20))
    assert len(routes.by_route) <= 8
    whole = routes.all()
    assert (whole.requests, whole.budgeted, whole.covered) == (len(tenants),) * 3
    assert whole.output.count == len(tenants)


def test_the_route_with_most_requests_is_kept() -> None:
    routes = Routes(most=4)
    for number in range(100):
        routes.add(row(tenant=f"t{number}"))
        routes.add(row(tenant="main", system="abc"))
    assert routes.by_route[Route("main", "", "abc", "")].requests == 100


def test_coverage_counts_what_the_engine_counted() -> None:
    rows = [row(output=10, output_budget=10), row(output=11, output_budget=10), row(output=99)]
    rows.append(row(output=99, output_budget=10, estimated=True))
    found = counted("llama", traffic_of(rows), PRESENT, 9)
    assert found.coverage == 0.5
    assert (found.routes[0].coverage, found.routes[0].budget, found.routes[0].requests) == (0.5, 10, 4)
    assert found.estimated == 1


def test_workers_are_counted_when_they_were_there() -> None:
    workers = Workers()
    for name, at, preempted in (("a", 0, 5), ("a", 10, 9), ("b", 5, 0), ("b", 20, 2), ("c", 30, 7)):
        workers.add(row(MONDAY_MS + at, worker=name, engine_preemptions=preempted))
    assert workers.preemptions == 4 + 2
    assert workers.at_once(MONDAY_MS, MONDAY_MS + 40) == 2
    assert workers.at_once(MONDAY_MS + 25, MONDAY_MS + 40) == 1
    assert workers.at_once(MONDAY_MS + 50, MONDAY_MS + 60) == 0


def test_workers_that_are_gone_leave_their_preemptions() -> None:
    workers = Workers(most=4)
    for number in range(50):
        for preempted in (0, 2):
            workers.add(row(MONDAY_MS + number, worker=f"w{number}", engine_preemptions=preempted))
    assert len(workers.by_id) <= 4
    assert workers.preemptions == 100


def test_requests_in_the_wrong_lane_are_counted_by_their_true_length() -> None:
    rows = [row(prompt=900, output=50), row(prompt=5000), row(prompt=100, lane="long"), row(prompt=5000, lane="long")]
    rows += [row(prompt=5000, lane="long", moved=True), row(prompt=10, lane="long", waited_in="short", worker="l")]
    short, long = counted("llama", traffic_of(rows), PRESENT, 9).lanes
    assert (short.requests, short.too_long, short.too_short, short.taken) == (3, 1, 0, 1)
    assert (long.requests, long.too_long, long.too_short, long.moved) == (3, 0, 1, 1)


def test_days_and_hours() -> None:
    rows = [row(MONDAY_MS + HOUR_MS * hour) for hour in (9, 9, 10, 24 + 9)]
    found = counted("llama", traffic_of(rows), PRESENT, 9)
    assert [(day.date, day.requests, day.busiest_hour, day.busiest_requests) for day in found.days] == [
        ("2025-11-17", 3, 9, 2),
        ("2025-11-18", 1, 9, 1),
    ]
    assert (found.hours[9], found.hours[10], found.hours[11]) == (1.5, 1.0, 0.0)


def test_step_times_are_found_in_first_tokens() -> None:
    prefills, dice = Prefills(), random.Random(3)
    for _ in range(3_000):
        prompt = round(dice.lognormvariate(6, 1)) + 1
        took = 20_000 + 40 * prompt + dice.choice((0, 0, 0, 50_000))
        prefills.add(row(prompt=prompt, queue_wait_us=5, first_data_us=5 + took))
    times = prefills.step_times()
    assert times is not None
    assert times.per_token_s == pytest.approx(40e-6, rel=0.1)
    assert times.step_s == pytest.approx(0.02, rel=0.1)


def test_few_answers_say_nothing_of_step_times() -> None:
    prefills = Prefills()
    for prompt in (1, 100, 10_000):
        prefills.add(row(prompt=prompt, first_data_us=prompt))
    assert prefills.step_times() is None


def test_models_are_kept_apart_as_far_as_memory_allows() -> None:
    traffic = Traffic()
    for number in range(MOST_MODELS + 3):
        traffic.add(row(model=f"m{number}", prompt=100 + number))
    assert len(traffic.by_model) == MOST_MODELS
    assert traffic.left_out == 3
    assert traffic.busiest_model() == f"m{MOST_MODELS - 1}"
