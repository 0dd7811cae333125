"""When an engine is held to hang."""

from dataclasses import replace

import pytest

from tokenlane_worker.engine.protocol import EngineStats
from tokenlane_worker.engine.stall import Pulse, observe, stalled

BUSY = EngineStats(running=2, waiting=0, kv_usage=0.5, preemptions=0, prompt_tokens=100, generation_tokens=10)
LIMIT_S = 60


def after(*seen: tuple[float, EngineStats]) -> Pulse | None:
    pulse = None
    for now_s, stats in seen:
        pulse = observe(pulse, stats, now_s)
    return pulse


def test_an_engine_that_runs_and_does_not_move_hangs() -> None:
    pulse = after((0, BUSY), (30, BUSY), (59, BUSY))
    assert not stalled(pulse, 59.9, LIMIT_S)
    assert stalled(pulse, 60, LIMIT_S)


def test_an_engine_that_does_not_tell_any_more_hangs() -> None:
    assert stalled(after((0, BUSY)), 60, LIMIT_S)


@pytest.mark.parametrize(
    "moved",
    [
        replace(BUSY, generation_tokens=11),
        replace(BUSY, prompt_tokens=101),
        replace(BUSY, preemptions=1),
        replace(BUSY, kv_usage=0.6),
        replace(BUSY, running=0),
    ],
)
def test_any_motion_or_rest_starts_the_time_anew(moved: EngineStats) -> None:
    pulse = after((0, BUSY), (50, moved))
    assert not stalled(pulse, 109, LIMIT_S)
    assert stalled(pulse, 110, LIMIT_S) == bool(moved.running)


def test_work_that_begins_after_a_rest_has_its_whole_time() -> None:
    idle = replace(BUSY, running=0, kv_usage=0)
    pulse = after((0, idle), (100, idle), (102, replace(idle, running=1)))
    assert not stalled(pulse, 150, LIMIT_S)
    assert stalled(pulse, 162, LIMIT_S)


def test_an_engine_without_totals_never_hangs() -> None:
    assert not stalled(after((0, replace(BUSY, prompt_tokens=0, generation_tokens=0))), 1000, LIMIT_S)


def test_nothing_seen_or_no_limit_is_no_stall() -> None:
    assert not stalled(None, 1000, LIMIT_S)
    assert not stalled(after((0, BUSY)), 1000, 0)
