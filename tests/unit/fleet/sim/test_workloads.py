"""Made-up traces have the lengths, the rate and the burstiness that was asked for."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_fleet.distribution import Distribution, divide
from tokenlane_fleet.errors import TraceError
from tokenlane_fleet.sim import workloads
from tokenlane_fleet.sim.trace import Trace

CDF = Distribution.of([[64, 0.0], [128, 0.25], [256, 0.5], [1024, 1.0]])


def dice(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def small(requests: int = 500, name: str = "small") -> Trace:
    ids = np.arange(requests)
    return Trace(name, ids.astype(np.float64) / 2, 1 + ids, 1 + ids % 7)


def lengths(trace: Trace) -> list[tuple[int, int]]:
    return list(zip(trace.prompt_tokens.tolist(), trace.output_tokens.tolist(), strict=True))


@given(st.integers(2, 400), st.floats(0.01, 1e4), st.floats(0, 20), st.integers(0, 2**32))
def test_arrivals_ascend_from_zero_at_exactly_the_rate(requests: int, rate: float, cv: float, seed: int) -> None:
    at = workloads.gamma_arrivals(requests, rate, cv, dice(seed))
    assert at[0] == 0
    assert (np.diff(at) >= 0).all()
    assert (requests - 1) / at[-1] == pytest.approx(rate)


@pytest.mark.parametrize("cv", [0.0, 0.5, 1.0, 4.0])
def test_gaps_vary_as_asked(cv: float) -> None:
    gaps = np.diff(workloads.gamma_arrivals(100_000, 10, cv, dice()))
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.05, abs=1e-9)


def test_bursts_and_poisson_keep_requests_and_rate() -> None:
    trace = small()
    for changed in (workloads.bursty(trace, 13, dice()), workloads.poisson(trace, dice())):
        assert lengths(changed) == lengths(trace)
        assert changed.rate == pytest.approx(trace.rate)
        assert not np.array_equal(changed.arrival_s, trace.arrival_s)


def test_the_same_seed_gives_the_same_trace() -> None:
    one, two = (workloads.long_documents(50, 1, dice()) for _ in range(2))
    assert lengths(one) == lengths(two)
    assert np.array_equal(one.arrival_s, two.arrival_s)


@given(st.integers(1, 300), st.integers(0, 99))
def test_resampled_requests_are_the_traces_own(requests: int, seed: int) -> None:
    found = workloads.resampled(small(40), requests, 5, dice(seed))
    assert len(found) == requests
    assert set(lengths(found)) <= set(lengths(small(40)))


@given(st.floats(0, 1), st.one_of(st.none(), st.integers(2, 100)), st.integers(0, 99))
def test_a_mix_has_the_share_and_the_rate(share: float, requests: int | None, seed: int) -> None:
    chat, documents = small(60, "chat"), Trace("documents", np.arange(3.0), np.full(3, 9_000), np.full(3, 900))
    found = workloads.mixed(chat, documents, share, 20, dice(seed), requests)
    wanted = 60 if requests is None else requests
    assert len(found) == wanted
    assert int((found.prompt_tokens == 9_000).sum()) == round(share * wanted)
    assert found.rate == pytest.approx(20)


def test_documents_are_as_long_as_they_are_said_to_be() -> None:
    trace = workloads.long_documents(200_000, 1, dice())
    assert np.percentile(trace.prompt_tokens, [50, 90, 99]) == pytest.approx([7_000, 27_000, 85_000], rel=0.04)
    assert np.percentile(trace.output_tokens, [50, 99]) == pytest.approx([350, 1_100], rel=0.04)
    assert trace.total_tokens.max() <= 131_072


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 99))
def test_uniform_lengths_stay_between_their_bounds(low: int, more: int, seed: int) -> None:
    trace = workloads.uniform(30, 1, dice(seed), (low, low + more), (low, low))
    assert low <= trace.prompt_tokens.min() <= trace.prompt_tokens.max() <= low + more
    assert set(trace.output_tokens.tolist()) == {low}


def test_a_distribution_is_drawn_as_a_replay_draws_it() -> None:
    drawn = workloads.from_cdf(CDF, 2_000, 10, dice())
    fractions = dice()
    fractions.standard_gamma(1, 1_999)
    assert lengths(drawn) == [divide(CDF.quantile(fraction)) for fraction in fractions.random(2_000).tolist()]


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1)), max_size=8), st.integers(0, 999))
def test_any_distribution_gives_whole_requests(points: list[tuple[int, float]], seed: int) -> None:
    tokens = sorted({point[0] for point in points} - {501})
    rising = sorted(point[1] for point in points)[: len(tokens)]
    distribution = Distribution.of([*zip(tokens, rising, strict=False), (501, 1.0)])
    trace = workloads.from_cdf(distribution, 20, 1, dice(seed), output_share=seed / 999)
    assert trace.total_tokens.max() <= 501
    assert len(trace) == 20


@given(st.floats(0, 1), st.floats(0, 1))
def test_quantiles_rise_and_stay_inside(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert 0 <= CDF.quantile(low) <= CDF.quantile(high) <= 1024


@given(st.floats(0, 1e6), st.floats(0, 1))
def test_a_total_is_divided_without_loss(total: float, share: float) -> None:
    prompt, output = divide(total, share)
    assert prompt >= 1
    assert output >= 1
    assert prompt + output == max(2, round(total))


@pytest.mark.parametrize(
    "points",
    [
        [],
        [[1, 0.5]],
        [[5, 0.5], [4, 1.0]],
        [[5, 0.5], [5, 1.0]],
        [[5, 0.9], [6, 0.8], [7, 1.0]],
        [[-1, 1.0]],
        [[1, -0.5], [2, 1.0]],
        [[float("nan"), 1.0]],
        [[1, float("nan")]],
        [[float("inf"), 1.0]],
        [["many", 1.0]],
        [[1, 2, 3]],
        [1, 2],
        [[None, 1.0]],
    ],
)
def test_what_is_no_distribution_is_refused(points: list[list[float]]) -> None:
    with pytest.raises(TraceError):
        Distribution.of(points)


@pytest.mark.parametrize(
    "made",
    [
        lambda: workloads.poisson_arrivals(0, 1, dice()),
        lambda: workloads.poisson_arrivals(5, 0, dice()),
        lambda: workloads.poisson_arrivals(5, float("nan"), dice()),
        lambda: workloads.gamma_arrivals(5, 1, -1, dice()),
        lambda: workloads.mixed(small(), small(), 1.5, 1, dice()),
        lambda: workloads.resampled(small(), -1, 1, dice()),
        lambda: workloads.uniform(5, 1, dice(), (0, 1)),
        lambda: workloads.uniform(5, 1, dice(), (3, 2)),
        lambda: workloads.bursty(Trace("at once", np.zeros(3), np.ones(3, int), np.ones(3, int)), 2, dice()),
        lambda: workloads.long_documents(5, 1, dice(), workloads.LogNormal(10, 5, 100)),
        lambda: workloads.from_cdf(CDF, -1, 1, dice()),
    ],
)
def test_what_cannot_be_is_refused(made: Callable[[], object]) -> None:
    with pytest.raises(TraceError):
        made()
