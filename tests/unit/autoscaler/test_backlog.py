"""The backlog is in the subjects."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_autoscaler.backlog import Backlog, backlog
from tokenlane_proto import subjects


def test_counts_times_tokens_shared_out_by_message() -> None:
    counts = {
        subjects.lane("short", "short", "m/x.y", "acme", 1_000): 3,
        subjects.lane("short", "short", "m/x.y", "other", 64): 1,
    }
    assert subjects.parse_lane(next(iter(counts))).tokens == 1_024
    assert backlog(counts, pending=4, in_progress=0) == Backlog(3_136, 0, 0)
    assert backlog(counts, pending=1, in_progress=3) == Backlog(784, 2_352, 3)
    assert backlog(counts, pending=1, in_progress=3).tokens == 3_136


def test_without_a_consumer_everything_waits() -> None:
    assert backlog({"lanes.short.short.m.acme.100": 2}, 0, 0) == Backlog(200, 0, 0)


def test_an_empty_lane_and_a_strange_subject() -> None:
    assert backlog({}, 0, 0) == backlog({"lanes.short.short.m.acme.many": 1}, 1, 0) == Backlog(0, 0, 0)


@given(st.integers(1, 2**31))
def test_rounding_adds_an_eighth_at_most(tokens: int) -> None:
    counted = backlog({subjects.lane("short", "short", "m", "acme", tokens): 1}, 1, 0).tokens
    assert tokens <= counted <= tokens * 1.125
