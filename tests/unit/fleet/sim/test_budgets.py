"""Budgets rest on the past alone, and err as the classifier does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.sim import budgets, workloads
from tokenlane_fleet.sim.budgets import TextKind
from tokenlane_fleet.sim.past import OutputHistory, known_before, learned_ratios
from tokenlane_fleet.sim.trace import Trace


def dice(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def documents(requests: int = 4_000, rate: float = 10) -> Trace:
    return workloads.long_documents(requests, rate, dice())


def test_exact_and_declared() -> None:
    trace = documents(10)
    assert (budgets.exact(trace) == trace.total_tokens).all()
    assert (budgets.declared(trace, 100) == trace.prompt_tokens + 100).all()
    assert (budgets.declared(trace, 100, prompts=trace.prompt_tokens * 2) == trace.prompt_tokens * 2 + 100).all()


@given(st.lists(st.floats(0.125, 64), max_size=60), st.floats(0, 3), st.floats(0.5, 0.99))
def test_the_ratio_is_an_average_with_a_margin(seen: list[float], gamma: float, beta: float) -> None:
    mean, deviation = 4.0, 0.0
    expected = [mean]
    for count, ratio in enumerate(seen, start=1):
        weight = max(1 / count, 1 - beta)
        mean += weight * (ratio - mean)
        deviation += weight * (abs(ratio - mean) - deviation)
        expected.append(max(mean - gamma * deviation, 0.125))
    assert learned_ratios(np.array(seen), gamma, beta) == pytest.approx(expected)


def test_prompts_are_a_little_over_estimated_once_ratios_are_learned() -> None:
    trace = documents()
    error = (budgets.estimated_prompts(trace, dice()) / trace.prompt_tokens)[1_000:]
    assert 1.0 < np.median(error) < 1.05
    assert 0.8 < np.percentile(error, 0.1) < np.percentile(error, 99.9) < 1.5


def test_short_prompts_teach_nothing_so_the_cold_start_stays() -> None:
    trace = workloads.uniform(500, 10, dice(), (100, 100))
    kinds = (TextKind("english", 1.0, 8.0, 0.0),)
    assert (budgets.estimated_prompts(trace, dice(), kinds=kinds) == 200).all()


def test_an_output_is_the_quantile_of_like_prompts() -> None:
    rng = dice()
    trace = workloads.uniform(8_000, 10, rng, (1, 1), (1, 1_000))
    short = np.arange(8_000) % 2 == 0
    outputs = np.where(short, trace.output_tokens, trace.output_tokens + 5_000)
    trace = replace(trace, prompt_tokens=np.where(short, 100, 3_000), output_tokens=outputs)
    found = budgets.estimated_outputs(trace, trace.prompt_tokens)[2_000:]
    assert np.median(found[short[2_000:]]) == pytest.approx(900, rel=0.05)
    assert np.median(found[~short[2_000:]]) == pytest.approx(5_900, rel=0.05)
    assert (found >= outputs[2_000:]).mean() == pytest.approx(0.9, abs=0.02)


def test_nothing_is_known_before_the_first_answers() -> None:
    trace = workloads.uniform(500, 10, dice(), output_tokens=(7, 7))
    found = budgets.estimated_outputs(trace, trace.prompt_tokens, default_output=99, lag_s=20)
    assert (found[trace.arrival_s < 20] == 99).all()
    assert (found[trace.arrival_s > 25] == 7).all()


@given(st.integers(1, 299), st.integers(0, 99))
def test_the_future_changes_no_budget(now: int, seed: int) -> None:
    trace = workloads.long_documents(300, 10, dice(seed))
    other = workloads.long_documents(300, 10, dice(seed + 1))
    later = np.arange(300) > now
    changed = replace(trace, output_tokens=np.where(later, other.output_tokens, trace.output_tokens))
    history = OutputHistory(every=4, least=4)
    one, two = (budgets.estimated(each, dice(seed), history=history, lag_s=0.0) for each in (trace, changed))
    assert (one[: now + 2] == two[: now + 2]).all()


@given(st.integers(1, 200), st.floats(0, 50), st.integers(0, 99))
def test_budgets_are_whole_positive_and_one_a_request(requests: int, lag_s: float, seed: int) -> None:
    trace = workloads.long_documents(requests, 10, dice(seed))
    found = budgets.estimated(trace, dice(seed), lag_s=lag_s)
    assert found.dtype == np.int64
    assert found.shape == (requests,)
    assert found.min() >= 2


def test_what_is_known_came_before_by_the_lag() -> None:
    at = np.array([0.0, 1.0, 2.0, 2.0, 5.0])
    assert known_before(at, at, 0.0).tolist() == [0, 1, 2, 2, 4]
    assert known_before(at, at, 2.0).tolist() == [0, 0, 0, 0, 4]
    with pytest.raises(FleetSettingError):
        known_before(at, at, -1.0)


@pytest.mark.parametrize("wrong", [{"quantile": 1.0}, {"least": 0}, {"least": 99, "window": 9}, {"every": 0}])
def test_a_history_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(FleetSettingError):
        OutputHistory(**wrong)  # type: ignore[arg-type]
