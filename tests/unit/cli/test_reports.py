"""Figures, reports, preemption counts."""

import pytest

from tokenlane_cli.figures import count, duration, percentile
from tokenlane_cli.replay.client import Outcome
from tokenlane_cli.replay.preemptions import PreemptionCount, counter_value
from tokenlane_cli.replay.report import NO_LANE, TOTAL, reports


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0.00 ms"),
        (0.001234, "1.23 ms"),
        (0.01234, "12.3 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (12.34, "12.3 s"),
        (123.4, "123 s"),
    ],
)
def test_durations_have_three_digits(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_counts() -> None:
    assert (count(12345), count(None)) == ("12,345", "\N{EN DASH}")


def test_percentiles() -> None:
    assert percentile([], 50) is None
    assert percentile([3.0], 99) == 3.0
    assert percentile([float(value) for value in range(101)], 99) == pytest.approx(99)
    assert percentile([1.0, 2.0], 50) == pytest.approx(1.5)


def test_lanes_then_those_without_one_then_the_total() -> None:
    outcomes = [
        Outcome(0, 0.0, lane="long", output_tokens=5, ttft_s=2.0, e2e_s=3.0),
        Outcome(1, 0.0, lane="short", output_tokens=7, ttft_s=1.0, e2e_s=1.5),
        Outcome(2, 0.0, lane="short", ttft_s=9.0, error="the stream broke off"),
        Outcome(3, 0.0, error="503: full"),
        Outcome(4, 0.0, error="503: full"),
    ]
    found = reports(outcomes, {"short": 2, "long": 3})
    assert [report.lane for report in found] == ["long", "short", NO_LANE, TOTAL]
    long, short, lost, total = found
    assert (long.requests, long.ttft.p50, long.tpot.p50, long.preemptions) == (1, 2.0, None, 3)
    assert (short.requests, short.ttft.p99, short.output_tokens) == (2, 1.0, 7)
    assert short.failures == {"the stream broke off": 1}
    assert lost.failures == {"503: full": 2}
    assert (total.requests, total.preemptions, total.output_tokens) == (5, 5, 12)
    assert list(total.failures.items()) == [("503: full", 2), ("the stream broke off", 1)]


def test_preemptions_of_workers_that_come_and_go() -> None:
    counted = PreemptionCount()
    counted.begin({("short", 1): 10.0, ("long", 2): 4.0})
    counted.update({("short", 1): 12.0, ("long", 2): 4.0, ("long", 3): 1.0})
    counted.update({("short", 1): 13.0, ("long", 3): 5.0})
    assert counted.by_lane() == {"short": 3, "long": 5}


def test_the_counter_is_summed_over_its_labels() -> None:
    text = (
        "# TYPE tokenlane_engine_preemptions counter\n"
        'tokenlane_engine_preemptions_total{lane="short",model="a"} 2.0\n'
        'tokenlane_engine_preemptions_total{lane="short",model="b"} 3.0\n'
        "# TYPE other counter\nother_total 9.0\n"
    )
    assert counter_value(text) == 5
    assert counter_value("# TYPE other counter\nother_total 9.0\n") is None
