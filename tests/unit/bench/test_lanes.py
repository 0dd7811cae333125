"""What bench.lanes makes of what it sees."""

from dataclasses import replace
from pathlib import Path

from bench.lanes.engines import Counters
from bench.lanes.figures import bars, figures_of, medians
from bench.lanes.filling import Fill, p50_p99, undisturbed
from bench.lanes.load import Answered, Round
from bench.lanes.mix import BOUNDARY_TOKENS, LONG_COUNT, SHORT_COUNT, mix
from bench.lanes.pacing import Pace
from bench.lanes.steps import Step, StepLog

_LINE = (
    b"(APIServer pid=1) INFO 11-21 23:00:00 [loggers.py:198] Engine 000: Iteration(%d): 1 context requests, 21 context "
    b"tokens, 2 generation requests, 2 generation tokens, iteration elapsed time: 3.21 ms, CPU KV cache usage: 12.5%%\n"
)


def test_steps_are_counted_as_the_log_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"starting\n" + _LINE % 0)
    log = StepLog(path)
    log.begin()
    assert log.read() == 0
    second, third = _LINE % 1, _LINE % 2
    with path.open("ab") as file:
        file.write(second + third[:50])
    assert log.read() == 1
    with path.open("ab") as file:
        file.write(third[50:])
    assert log.read() == 2
    assert log.steps == [Step(3, 0.125)] * 2


def test_a_mix_is_the_same_every_time_and_lanes_divide_it() -> None:
    asked = mix(7)
    assert asked == mix(7)
    assert asked != mix(8)
    assert len({each.name for each in asked + mix(8)}) == 2 * (SHORT_COUNT + LONG_COUNT)
    for each in asked:
        # A cautious estimate of the prompt may be half as long again.
        longest = 1.5 * len(each.prompt) + each.output_tokens
        assert each.short == (longest <= BOUNDARY_TOKENS) == (len(each.prompt) + each.output_tokens <= BOUNDARY_TOKENS)


def _round(short: int, long: int, end: int, preemptions: int) -> Round:
    """Short ones end after so many steps on the first engine, long ones on the second, which made `end`."""
    asked = mix(1)
    answered = [Answered(each, (short, 0) if each.short else (0, long), 1.0) for each in asked]
    ran_on = {each.name: int(not each.short) for each in asked}
    steps = [[Step(2, 0.5)] * short, [Step(4, 1.0)] * end]
    return Round(answered, ran_on, steps, [Counters(0, short, 2.0), Counters(preemptions, end, 0.0)], lanes=True)


def test_an_answer_counts_the_steps_of_the_engine_that_ran_it() -> None:
    found = figures_of(_round(100, 300, 400, 5))
    assert (found.short_p50, found.short_p95, found.long_p50, found.long_p95) == (100, 100, 300, 300)
    assert (found.preemptions, found.end, found.total, found.taken) == (5, 400, 500, 0)
    assert (found.sequences, found.kv_usage, found.queued_s) == (3.6, 0.9, 2.0 / 200)


def test_bars_are_judged_by_the_medians_of_pairs() -> None:
    without = [figures_of(_round(400, 500, end, 10)) for end in (400, 500, 900)]
    kept = bars(without, [figures_of(_round(100, 500, end, 10)) for end in (740, 500, 945)])
    assert [bar.kept for bar in kept] == [True, True, True, True]
    assert [bar.value for bar in kept] == [4, 1045 / 1300, 1.05, 10]
    worse = [figures_of(_round(101, 500, 2000, 11))] * 3
    assert not any(bar.kept for bar in bars(without, worse))


def test_what_is_not_told_of_all_rounds_has_no_median() -> None:
    found = figures_of(_round(400, 500, 400, 10))
    assert medians([found, replace(found, taken=None)]).taken is None
    assert medians([found, replace(found, end=500)]).end == 450


def test_an_engine_that_is_ahead_waits_for_the_other() -> None:
    pace = Pace(2, patience=3)
    assert pace.next([0, 0]) == [True, True]
    assert pace.next([2, 0]) == [False, True]
    assert pace.next([2, 1]) == [False, True]
    assert pace.next([2, 2]) == [True, True]


def test_nobody_waits_for_an_engine_that_has_nothing_to_do() -> None:
    pace = Pace(2, patience=2)
    assert [pace.next([1, 0]) for _ in range(3)] == [[False, True], [False, True], [True, True]]
    assert pace.next([50, 0]) == [True, True]
    # It has again, and goes on where the other is.
    assert pace.next([50, 1]) == [True, False]
    assert pace.next([51, 1]) == [True, True]


def test_what_waited_for_a_processor_is_told_apart() -> None:
    fills = [Fill(0.001, 0.0)] * 99 + [Fill(0.009, 0.008)] * 3
    assert p50_p99(fills) == (0.001, 0.009)
    assert p50_p99(undisturbed(fills)) == (0.001, 0.001)
