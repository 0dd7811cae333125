"""What a lane can do, from what it did."""

import pytest

from tokenlane_autoscaler.boundary.meter import LaneMeter


def run(
    meter: LaneMeter,
    rate: float,
    seconds: int,
    *,
    start: int = 0,
    waiting: float = 0,
    growth: float = 0,
    replicas: int = 2,
) -> None:
    """A lane that finishes `rate` tokens a second while `growth` more come than go."""
    for now in range(start, start + seconds + 1, 5):
        meter.look(float(now), waiting + growth * (now - start), replicas)
        for _ in range(10):
            meter.waited(round(rate / 2))
            meter.ran("w", round(rate / 2), None, float(now))


def test_nothing_is_known_at_first() -> None:
    meter = LaneMeter(1_000)
    assert (meter.tokens_per_s, meter.is_known, meter.pressure) == (1_000, False, 1)
    meter.look(0, 0, 1)
    assert meter.pressure == 1


def test_prefills_stand_for_it_until_a_lane_is_full() -> None:
    meter = LaneMeter(1_000)
    for speed in (9_000.0, 8_000.0, 1_000_000.0):
        meter.ran("w", 100, speed, 0)
    assert meter.tokens_per_s == 9_000
    assert meter.is_known
    run(meter, 10_000, 300, waiting=0)
    assert meter.tokens_per_s == 9_000
    run(meter, 10_000, 300, start=305, waiting=1)
    assert meter.tokens_per_s == pytest.approx(5_000, rel=0.05)


def test_a_lane_that_is_not_full_can_do_more_than_it_does() -> None:
    meter = LaneMeter(1_000)
    run(meter, 10_000, 300)
    assert meter.tokens_per_s == pytest.approx(5_000 / 0.85, rel=0.05)


def test_full_measurements_follow_a_slower_engine() -> None:
    meter = LaneMeter(1_000)
    run(meter, 10_000, 300, waiting=1)
    run(meter, 4_000, 600, start=305, waiting=1)
    assert meter.tokens_per_s == pytest.approx(2_000, rel=0.05)


def test_a_lane_that_falls_behind_is_under_pressure() -> None:
    meter = LaneMeter(1_000)
    run(meter, 1_000, 60, growth=1_000)
    assert 1.6 < meter.pressure <= 2
    steady = LaneMeter(1_000)
    run(steady, 1_000, 60)
    assert steady.pressure == 1
    stuck = LaneMeter(1_000)
    for now in range(0, 60, 5):
        stuck.look(float(now), now, 1)
    assert stuck.pressure == 5


def test_replicas_are_the_workers_that_were_seen_lately() -> None:
    meter = LaneMeter(1_000)
    assert meter.replicas(None, 0) == 1
    assert meter.replicas(4, 0) == 4
    for worker in ("a", "b", "a"):
        meter.ran(worker, 1, None, 10)
    assert meter.replicas(8, 20) == 2
    assert meter.replicas(8, 1_000) == 8


def test_a_look_at_the_same_moment_is_ignored() -> None:
    meter = LaneMeter(1_000)
    meter.look(5, 100, 1)
    meter.look(5, 900, 1)
    meter.look(6, 100, 1)
    assert meter.pressure == 1
