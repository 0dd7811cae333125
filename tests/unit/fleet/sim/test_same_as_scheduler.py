"""The compiled fleet of one engine does what `Scheduler` does on a virtual clock, step by step."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fleet.sim.fleets import COST, ROWS, fleet, limits, pool, trace
from tokenlane_fleet import Request, Scheduler, SchedulerLimits
from tokenlane_fleet.sim.fleet import Bind, Pull, Push, PushRule
from tokenlane_fleet.sim.run import simulate
from tokenlane_fleet.sim.trace import Seconds, Trace


def interpreted(of: Trace, engine: SchedulerLimits) -> tuple[Seconds, Seconds, int, int]:
    """First-token and finishing times, steps and preemptions, of one engine that gets all requests as they come."""
    scheduler, first, done = Scheduler(engine), np.full(len(of), np.nan), np.full(len(of), np.nan)
    coming = [(float(at), number) for number, at in enumerate(of.arrival_s)]
    heapq.heapify(coming)
    now = 0.0
    while coming or scheduler.has_work():
        if not scheduler.has_work():
            now = max(now, coming[0][0])
        while coming and coming[0][0] <= now:
            number = heapq.heappop(coming)[1]
            scheduler.add(Request(number, int(of.prompt_tokens[number]), int(of.output_tokens[number])))
        outcome = scheduler.step()
        now += COST.seconds(outcome.batch)
        for number in outcome.emitted:
            if np.isnan(first[number]):
                first[number] = now
        for number in outcome.finished:
            done[number] = now
    return first, done, scheduler.totals.steps, scheduler.totals.preemptions


@settings(deadline=None)
@given(
    ROWS,
    st.sampled_from(
        [
            limits(),
            limits(num_blocks=27),
            limits(num_blocks=27, max_num_seqs=40),
            limits(long_prefill_token_threshold=16),
            limits(max_num_batched_tokens=8),
        ]
    ),
)
def test_one_engine_is_the_scheduler(rows: list[tuple[float, int, int]], engine: SchedulerLimits) -> None:
    requests = trace(rows)
    result = simulate(requests, fleet(pool(engine=engine), dispatch=Push(PushRule.ROUND_ROBIN)))
    first, done, steps, preemptions = interpreted(requests, engine)
    assert result.first_token_s == pytest.approx(first, abs=1e-9)
    assert result.finished_s == pytest.approx(done, abs=1e-9)
    assert (result.pools[0].steps, result.preemptions) == (steps, preemptions)


@settings(deadline=None)
@given(ROWS, st.sampled_from(Bind))
def test_a_queue_before_one_engine_that_takes_everything_is_no_queue(
    rows: list[tuple[float, int, int]], bind: Bind
) -> None:
    requests, engine = trace(rows), limits(num_blocks=27, max_num_seqs=40)
    pushed = simulate(requests, fleet(pool(engine=engine), dispatch=Push(PushRule.LEAST_WORK)))
    pulled = simulate(requests, fleet(pool(engine=engine), dispatch=Pull(overcommit=1e6, bind=bind)))
    assert (pulled.finished_s == pushed.finished_s).all()
    assert (pulled.first_token_s == pushed.first_token_s).all()


def test_the_engines_above_do_preempt() -> None:
    requests = trace([(0.0, 100, 60)] * 20)
    assert interpreted(requests, limits(num_blocks=27))[3] > 0
