"""What an idle engine takes is what the scheduler and its step times say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fleet.plan.analytic import COST, HARDWARE, SLO, made
from tokenlane_fleet import Request, Scheduler, SchedulerLimits
from tokenlane_fleet.plan.idle import idle_tpot_s, idle_ttft_s, out_of_reach
from tokenlane_fleet.plan.workload import workload
from tokenlane_fleet.sim.slo import two_classes
from tokenlane_fleet.sim.trace import Trace


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 3000), st.integers(2, 60), st.sampled_from((64, 512, 8192)))
def test_alone_on_an_engine(prompt: int, output: int, budget: int) -> None:
    engine = Scheduler(SchedulerLimits(1000, 16, 8, budget, 8192))
    engine.add(Request(0, prompt, output))
    first, seconds = None, 0.0
    while engine.has_work():
        step = engine.step()
        seconds += COST.seconds(step.batch)
        first = seconds if first is None and step.emitted else first
    assert first is not None
    assert idle_ttft_s(COST, np.array([prompt]), budget)[0] == pytest.approx(first)
    tpot = (seconds - first) / (output - 1)
    assert idle_tpot_s(COST, np.array([prompt]), np.array([output]))[0] == pytest.approx(tpot)


def test_objectives_within_reach() -> None:
    assert out_of_reach(workload(made(), SLO), HARDWARE) == ()


def test_tokens_that_no_engine_makes_so_fast() -> None:
    (short, long) = out_of_reach(workload(made(), two_classes(1024, 1.0, 0.01)), HARDWARE)
    assert (short.class_name, short.by, short.limit_s, short.share) == ("short", "tpot", 0.01, 1.0)
    assert short.seconds == pytest.approx(0.016, abs=1e-3)
    assert long.class_name == "long"


def test_a_first_token_that_the_way_to_the_engine_takes_up() -> None:
    assert out_of_reach(workload(made(), SLO), HARDWARE, transit_s=0.9) == ()
    assert [of.by for of in out_of_reach(workload(made(), SLO), HARDWARE, transit_s=1.1)] == ["ttft"]


def test_prompts_that_fit_no_context() -> None:
    trace = Trace("t", np.arange(3.0), np.array([100, 40_000, 50_000]), np.array([10, 10, 10]))
    (long,) = out_of_reach(workload(trace, two_classes(1024, 100.0)), HARDWARE)
    assert (long.class_name, long.by, long.share) == ("long", "context", 1.0)
