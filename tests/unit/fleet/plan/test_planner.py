"""A whole plan, on a stand-in for the simulator."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.fleet.plan.analytic import HARDWARE, SLO, made, simulate
from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.plan.planner import plan
from tokenlane_fleet.plan.report import PlanReport
from tokenlane_fleet.plan.settings import STRATEGIES, Effort, PlanSettings, Progress
from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.slo import Slo, two_classes
from tokenlane_fleet.sim.trace import Trace

QUICK = PlanSettings(max_replicas=64, effort=Effort(requests=200, sweeps=1, boundaries=3))


def planned(
    trace: Trace,
    settings: PlanSettings = QUICK,
    slo: Slo = SLO,
    workers: int = 2,
    progress: list[Progress] | None = None,
) -> PlanReport:
    told = [] if progress is None else progress
    with ThreadPoolExecutor(workers) as executor:
        return plan(
            trace, HARDWARE, slo, settings, progress=told.append, executor=executor, simulate=simulate, note="made up"
        )


@pytest.fixture(scope="module")
def report() -> PlanReport:
    return planned(made(rate=20.0))


def test_every_strategy_is_there_and_keeps_the_objectives(report: PlanReport) -> None:
    assert tuple(option.key for option in report.options) == STRATEGIES
    assert all(option.meets_slo for option in report.options)
    assert all(of.attainment >= 0.99 for option in report.options for of in option.classes)
    assert all(option.headroom >= 1 for option in report.options)


def test_figures_agree_with_each_other(report: PlanReport) -> None:
    for option in report.options:
        assert option.replicas == sum(pool.replicas for pool in option.pools)
        assert option.gpus == 2 * option.replicas
        assert option.cost_per_hour == pytest.approx(3.0 * option.gpus)
        assert option.cost == pytest.approx(3.0 * option.gpu_hours)
        assert option.gpu_hours == pytest.approx(option.gpus * report.trace.duration_s / 3600)
        assert sum(of.requests for of in option.classes) == report.trace.requests
        assert option.pools[-1].up_to_tokens is None


def test_curves_rise_and_are_short(report: PlanReport) -> None:
    curves = [curve for option in report.options for curve in option.curves]
    assert {(curve.class_name, curve.metric) for curve in curves} == {
        (name, metric) for name in ("short", "long") for metric in ("ttft", "tpot")
    }
    for curve in curves:
        assert len(curve.values_s) == len(curve.fractions) <= 200
        assert (np.diff(curve.values_s) >= 0).all()
        assert (np.diff(curve.fractions) > 0).all()


def test_a_tuned_pool_is_as_good_as_can_be(report: PlanReport) -> None:
    """By the stand-in's formula, with the best step budget: both limits bind at the same time, where busy is 0.7."""
    options = {option.key: option for option in report.options}
    trace = made(rate=20.0)
    rate = trace.total_tokens.sum() / trace.duration_s
    assert options["one"].pools[0].max_num_batched_tokens == 1024
    assert options["one"].replicas == int(np.ceil(rate / 700))
    assert options["one"].replicas < options["defaults"].replicas


def test_lanes_that_save_nothing_lose_to_one_pool(report: PlanReport) -> None:
    assert report.best == "one"
    assert any("One pool is better here" in sentence for sentence in report.verdict)


def test_lanes_with_limits_of_their_own_may_save_gpus() -> None:
    """Long requests that may take 200 ms a token leave their lane busier than one pool could be."""
    report = planned(made(rate=40.0), slo=two_classes(1024, 1.0, 0.08, long_tpot_s=0.2))
    gpus = {option.key: option.gpus for option in report.options}
    assert report.best == "two"
    assert gpus["two"] < gpus["one"]
    assert "two lanes" in report.verdict[0]
    assert "the tuned single pool" in report.verdict[1]


def test_each_boundary_has_both_savings(report: PlanReport) -> None:
    assert report.boundaries
    for point in report.boundaries:
        assert 0 < point.alpha < 1
        assert point.rho > 1
        assert point.closed_form == pytest.approx(point.alpha * (1 - 1 / point.rho))
        assert point.gpus == 2 * (point.short_replicas + point.long_replicas)
        assert point.simulated <= point.unrounded + 0.1 <= point.closed_form + 0.1


def test_the_same_on_any_number_of_cores() -> None:
    settings = replace(QUICK, budgets="estimated", seed=3)
    assert planned(made(), settings, workers=1) == planned(made(), settings, workers=4)


def test_progress_only_grows() -> None:
    told: list[Progress] = []
    report = planned(made(), progress=told)
    assert [of.done for of in told] == sorted(of.done for of in told)
    assert [of.simulations for of in told] == sorted(of.simulations for of in told)
    assert told[-1].done == told[-1].expected
    assert told[-1].simulations == report.simulations
    assert all(of.done <= of.expected for of in told)


def test_equal_lengths_leave_one_pool() -> None:
    report = planned(made(spread=0))
    assert [option.key for option in report.options] == ["paper", "defaults", "one-push", "one", "one-deadline"]
    assert report.best == "one"
    assert any("no boundary splits" in sentence for sentence in report.verdict)
    assert any("No request in the long class" in line for line in report.warnings)


def test_a_single_request() -> None:
    report = planned(Trace("one", np.zeros(1), np.array([100]), np.array([20])))
    assert {option.replicas for option in report.options} == {1}
    assert any("come at once" in line for line in report.warnings)
    assert all(option.gpu_hours > 0 for option in report.options)


def test_objectives_out_of_reach_are_said_without_a_simulation() -> None:
    def never(*_: object, **__: object) -> Result:
        raise AssertionError

    with ThreadPoolExecutor(1) as executor:
        report = plan(
            made(), HARDWARE, two_classes(1024, 1.0, 0.001), QUICK, executor=executor, simulate=never, note=""
        )
    assert report.options == ()
    assert report.best is None
    assert report.simulations == 0
    assert "idle engine" in report.verdict[0]


def test_a_fleet_that_is_too_small_is_shown_and_said() -> None:
    report = planned(made(rate=20.0), replace(QUICK, max_replicas=2))
    assert report.best is None
    assert all(not option.meets_slo for option in report.options)
    assert "No fleet of up to 2 replicas" in report.verdict[0]
    assert any("no fleet of up to 2 replicas" in line for line in report.warnings)


def test_a_long_trace_is_searched_on_its_busiest_stretch_and_sized_on_all() -> None:
    effort = Effort(requests=100, stretch=200, sweeps=1, boundaries=3)
    report = planned(made(rate=20.0), replace(QUICK, effort=effort))
    assert all(option.meets_slo for option in report.options)
    assert all(sum(of.requests for of in option.classes) == 400 for option in report.options)
    assert any("busiest 200 requests" in line for line in report.warnings)


def test_only_what_was_asked_for() -> None:
    report = planned(made(), replace(QUICK, strategies=("defaults", "two"), max_lanes=2))
    assert [option.key for option in report.options] == ["defaults", "two"]
    assert [option.key for option in planned(made(), replace(QUICK, max_lanes=1)).options] == [
        "paper",
        "defaults",
        "one-push",
        "one",
        "one-deadline",
    ]


@pytest.mark.parametrize(
    "wrong", [{"strategies": ("best",)}, {"budgets": "guessed"}, {"max_replicas": 0}, {"transit_s": -1.0}]
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FleetSettingError):
        PlanSettings(**wrong)  # type: ignore[arg-type]
