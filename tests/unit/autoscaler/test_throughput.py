"""What a replica can do is learned only where it shows."""

import pytest

from tokenlane_autoscaler.throughput import Sample, Throughput

WINDOW_S = 60
SETTLE_S = 120


def after(rate: float, seconds: int, *, saturated: bool, replicas: int = 2, known: float = 1_000) -> Throughput:
    """A lane that finishes `rate` tokens a second for `seconds`."""
    throughput = Throughput(known)
    for at_s in range(0, seconds + 1, 5):
        throughput = throughput.sampled(Sample(at_s, rate * at_s, rate * at_s, saturated, replicas), WINDOW_S, SETTLE_S)
    return throughput


def test_nothing_is_known_at_first() -> None:
    throughput = Throughput(1_000)
    assert (throughput.load_tokens_per_s, throughput.replica_tokens_per_s) == (0, 1_000)
    assert after(0, 0, saturated=False).load_tokens_per_s == 0


def test_the_load_is_what_is_finished_over_the_window() -> None:
    assert after(300, 600, saturated=False).load_tokens_per_s == pytest.approx(300)
    assert len(after(300, 600, saturated=False).samples) == WINDOW_S / 5 + 1


def test_full_workers_show_what_they_can_do() -> None:
    assert after(500, 600, saturated=True).replica_tokens_per_s == pytest.approx(250)


def test_workers_that_are_not_full_show_only_the_least() -> None:
    assert after(500, 600, saturated=False).replica_tokens_per_s == 1_000
    assert after(5_000, 600, saturated=False).replica_tokens_per_s == pytest.approx(2_500)


def test_workers_that_may_still_be_starting_do_not_count_as_slow() -> None:
    assert after(500, SETTLE_S, saturated=True).replica_tokens_per_s == 1_000


def test_a_lane_without_workers_shows_nothing() -> None:
    assert after(0, 600, saturated=True, replicas=0).replica_tokens_per_s == 1_000


def test_what_other_lanes_take_is_load_but_not_what_a_replica_can_do() -> None:
    throughput = Throughput(1_000)
    for at_s in range(0, 601, 5):
        sample = Sample(at_s, 900 * at_s, 500 * at_s, saturated=True, replicas=2)
        throughput = throughput.sampled(sample, WINDOW_S, SETTLE_S)
    assert throughput.load_tokens_per_s == pytest.approx(900)
    assert throughput.replica_tokens_per_s == pytest.approx(250)


def test_a_sample_of_the_same_moment_is_ignored() -> None:
    once = Throughput(1_000).sampled(Sample(5, 100, 100, False, 1), WINDOW_S, SETTLE_S)
    assert once.sampled(Sample(5, 900, 900, False, 1), WINDOW_S, SETTLE_S) == once
