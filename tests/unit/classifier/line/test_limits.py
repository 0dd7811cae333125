"""What tenants may take."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlane_classifier.line.limits import Accounts, Ask, TenantLimits
from tokenlane_classifier.line.verdict import Admitted, Refused

A_MINUTE = 600


def accounts(limits: TenantLimits, burst_minutes: float = 1.0) -> Accounts:
    return Accounts(lambda tenant: limits, burst_minutes)


def left(of: Accounts, now_s: float, capacity: float = A_MINUTE) -> float:
    return capacity - of.buckets(now_s).get("a", 0.0)


def refused(of: Accounts, ask: Ask, now_s: float, turn_s: float = 1.0) -> Refused:
    verdict = of.admit("a", ask, now_s, turn_s)
    assert isinstance(verdict, Refused)
    return verdict


def test_without_limits_everything_is_admitted() -> None:
    of = accounts(TenantLimits())
    for _ in range(100):
        assert of.admit("a", Ask(10**6, 10**6, 10**6), 0.0) == Admitted(2 * 10**6)
    assert of.fits("a", 10**9)
    assert of.buckets(0.0) == {}


def test_what_is_too_long_however_it_is_counted_is_refused_for_good() -> None:
    of = accounts(TenantLimits(context_length=100))
    assert isinstance(of.admit("a", Ask(500, 500, 100), 0.0), Admitted)
    verdict = refused(of, Ask(1, 1, 101), 0.0)
    assert (verdict.status, verdict.code, verdict.retry_after_ms) == (400, "context_length_exceeded", None)


def test_as_many_wait_as_may() -> None:
    of = accounts(TenantLimits(requests_queued=2))
    of.recall("a")
    assert isinstance(of.admit("a", Ask(1, 1), 0.0), Admitted)
    verdict = refused(of, Ask(1, 1), 0.0, turn_s=2.5)
    assert (verdict.status, verdict.code, verdict.retry_after_ms) == (429, "requests_queued_exceeded", 2_500)
    of.release("a", 2)
    assert isinstance(of.admit("a", Ask(1, 1), 0.0), Admitted)


def test_what_is_in_flight_is_limited_and_what_is_too_large_goes_alone() -> None:
    of = accounts(TenantLimits(tokens_in_flight=100))
    assert of.fits("a", 500)
    of.recall("a")
    of.release("a", 60)
    assert of.fits("a", 40)
    assert not of.fits("a", 41)
    of.end("a", 60, 10, 1.0)
    assert of.fits("a", 500)


def test_what_exceeds_the_minute_is_told_when_there_is_enough() -> None:
    of = accounts(TenantLimits(tokens_per_minute=A_MINUTE))
    assert isinstance(of.admit("a", Ask(300, 250), 0.0), Admitted)
    verdict = refused(of, Ask(50, 50), 0.0)
    assert (verdict.status, verdict.code, verdict.retry_after_ms) == (429, "tokens_per_minute_exceeded", 5_000)
    assert isinstance(of.admit("a", Ask(50, 50), 5.0), Admitted)


def test_each_is_told_another_time_and_none_a_later_one_than_a_full_bucket() -> None:
    of = accounts(TenantLimits(tokens_per_minute=A_MINUTE))
    of.admit("a", Ask(600, 0), 0.0)
    told = [refused(of, Ask(100, 0), 0.0).retry_after_ms for _ in range(8)]
    assert told == [10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 60_000, 60_000]
    for second in (10.0, 20.0, 30.0):
        assert isinstance(of.admit("a", Ask(100, 0), second), Admitted)


def test_what_never_fits_is_told_so() -> None:
    of = accounts(TenantLimits(tokens_per_minute=A_MINUTE), burst_minutes=0.5)
    verdict = refused(of, Ask(301, 0), 0.0)
    assert (verdict.status, verdict.code, verdict.retry_after_ms) == (429, "request_too_large", None)
    assert isinstance(of.admit("a", Ask(300, 0), 0.0), Admitted)


def test_what_was_not_used_is_put_back_and_what_was_used_beyond_is_taken() -> None:
    of = accounts(TenantLimits(tokens_per_minute=A_MINUTE))
    of.admit("a", Ask(100, 400), 0.0)
    of.release("a", 500)
    of.end("a", 500, 200, 0.0)
    assert left(of, 0.0) == 400
    of.admit("a", Ask(100, 0), 0.0)
    of.drop("a", 100, 0.0)
    assert left(of, 0.0) == 400
    of.admit("a", Ask(100, 0), 0.0)
    of.release("a", 100)
    of.end("a", 100, 800, 0.0)
    assert left(of, 0.0) == -400
    assert of.usage("a").queued == of.usage("a").in_flight == 0


def test_other_limits_leave_what_was_taken_taken() -> None:
    limits = {"a": TenantLimits(tokens_per_minute=A_MINUTE)}
    of = Accounts(lambda tenant: limits[tenant])
    of.admit("a", Ask(500, 0), 0.0)
    limits["a"] = TenantLimits(tokens_per_minute=2 * A_MINUTE)
    assert refused(of, Ask(701, 0), 0.0).retry_after_ms == 50
    limits["a"] = TenantLimits()
    assert isinstance(of.admit("a", Ask(10**6, 0), 0.0), Admitted)


STEPS = st.lists(st.tuples(st.integers(0, 700), st.floats(0, 1), st.floats(0, 20), st.booleans()), max_size=40)


@settings(max_examples=200)
@given(STEPS)
def test_what_is_used_never_overshoots(steps: list[tuple[int, float, float, bool]]) -> None:
    """However requests overlap, what they used or may still use is never more than a minute's and what came back."""
    of = accounts(TenantLimits(tokens_per_minute=A_MINUTE))
    now_s, used, running = 0.0, 0.0, list[int]()
    for tokens, part, passed_s, ends in steps:
        now_s += passed_s
        if ends and running:
            reserved = running.pop(0)
            took = int(reserved * part)
            of.release("a", reserved)
            of.end("a", reserved, took, now_s)
            used += took
        elif isinstance(of.admit("a", Ask(tokens, 0), now_s), Admitted):
            running.append(tokens)
        assert used + sum(running) <= A_MINUTE + now_s * A_MINUTE / 60 + 1e-6
        assert left(of, now_s) <= A_MINUTE


@settings(max_examples=200)
@given(STEPS)
def test_who_comes_when_told_is_admitted_if_nobody_else_came(steps: list[tuple[int, float, float, bool]]) -> None:
    of = accounts(TenantLimits(tokens_per_minute=A_MINUTE))
    now_s = 0.0
    for tokens, _, passed_s, _ in steps:
        now_s += passed_s
        verdict = of.admit("a", Ask(tokens, 0), now_s)
        if isinstance(verdict, Refused) and verdict.retry_after_ms is not None:
            now_s += verdict.retry_after_ms / 1_000
            assert isinstance(of.admit("a", Ask(tokens, 0), now_s + 1e-6), Admitted)


@pytest.mark.parametrize("age_s", [0.0, 20.0, 90.0])
def test_what_was_taken_survives_a_restart_and_comes_back_meanwhile(age_s: float) -> None:
    of, after = (accounts(TenantLimits(tokens_per_minute=A_MINUTE)) for _ in range(2))
    of.admit("a", Ask(600, 0), 0.0)
    after.restore(of.buckets(0.0), age_s, 1_000.0)
    assert left(after, 1_000.0) == pytest.approx(min(600, age_s * 10))


def test_no_time_is_told_that_is_longer_than_ten_minutes_and_a_tenth() -> None:
    of = accounts(TenantLimits(requests_queued=1))
    assert isinstance(of.admit("a", Ask(1, 1), 0.0), Admitted)
    for turn_s, jitter in ((math.inf, 0.999), (1e9, 0.0)):
        verdict = of.admit("a", Ask(1, 1), 0.0, turn_s, jitter)
        assert isinstance(verdict, Refused)
        assert 600_000 <= (verdict.retry_after_ms or 0) <= 660_000
