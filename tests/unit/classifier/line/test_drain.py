"""How fast what waits is served."""

import pytest

from tokenlane_classifier.line.drain import Drain


def busy(drain: Drain, begin_s: float, seconds: float, rate: float) -> float:
    """The fleet serves so much a second while something waits all the time. Returns when it ends."""
    drain.enter(begin_s)
    for tick in range(1, round(seconds * 10) + 1):
        drain.enter(begin_s + tick / 10)
        drain.leave(rate / 10, begin_s + tick / 10)
    drain.leave(0.0, begin_s + seconds)
    return begin_s + seconds


def test_a_rate_is_that_of_the_time_in_which_something_waited() -> None:
    drain = Drain()
    assert drain.rate(0.0) is None
    now_s = busy(drain, 0.0, 20.0, 1_000.0)
    assert drain.rate(now_s) == pytest.approx(1_000.0, rel=0.02)
    now_s = busy(drain, now_s + 40.0, 20.0, 1_000.0)
    assert drain.rate(now_s + 40.0) == pytest.approx(1_000.0, rel=0.02)


def test_what_comes_and_goes_at_once_says_nothing() -> None:
    drain = Drain()
    for second in range(100):
        drain.enter(float(second))
        drain.leave(50.0, second + 0.01)
    assert drain.rate(100.0) is None


def test_a_rate_follows_the_fleet() -> None:
    drain = Drain()
    now_s = busy(drain, 0.0, 120.0, 1_000.0)
    now_s = busy(drain, now_s, 60.0, 3_000.0)
    assert 2_600.0 < (drain.rate(now_s) or 0) < 3_100.0


def test_after_a_long_silence_the_rate_holds_until_there_is_another() -> None:
    drain = Drain()
    now_s = busy(drain, 0.0, 120.0, 1_000.0) + 100.0
    assert drain.rate(now_s) == pytest.approx(1_000.0, rel=0.02)
    now_s = busy(drain, now_s, 5.0, 3_000.0)
    assert 2_500.0 < (drain.rate(now_s) or 0) < 3_100.0


def test_a_fleet_that_stands_still_is_slow() -> None:
    drain = Drain()
    now_s = busy(drain, 0.0, 60.0, 1_000.0)
    drain.enter(now_s)
    assert (drain.rate(now_s + 60.0) or 0) < 200.0


def test_what_was_never_served_says_nothing() -> None:
    drain = Drain()
    drain.enter(0.0)
    assert drain.rate(100.0) is None


def test_the_first_that_is_served_after_a_standstill_says_nothing() -> None:
    drain = Drain()
    for _ in range(2_000):
        drain.enter(0.0)
    drain.leave(100.0, 0.7)
    assert drain.rate(0.7) is None
    for _ in range(7):
        drain.leave(100.0, 0.8)
    assert drain.rate(0.8) == pytest.approx(800 / 0.7, rel=0.05)


def test_what_is_slow_is_known_after_a_while() -> None:
    drain = Drain()
    for _ in range(10):
        drain.enter(0.0)
    drain.leave(100.0, 5.0)
    assert drain.rate(9.0) is None
    drain.leave(100.0, 13.0)
    assert drain.rate(13.0) == pytest.approx(200 / 13, rel=0.3)


def test_while_nobody_is_there_the_rate_holds() -> None:
    drain = Drain()
    now_s = busy(drain, 0.0, 60.0, 1_000.0)
    drain.enter(now_s)
    drain.halt(True, now_s)
    drain.enter(now_s + 30.0)
    drain.halt(False, now_s + 100.0)
    assert drain.rate(now_s + 100.0) == pytest.approx(1_000.0, rel=0.02)
    assert (drain.rate(now_s + 160.0) or 0) < 200.0
