"""What bench.goodput rests on, beside the simulator and the search."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bench.fleet.contenders import PULLED, Setting, named
from bench.fleet.engines import h100
from bench.fleet.settings_words import read, written
from bench.goodput import bars
from bench.goodput.figures import POLICIES
from bench.goodput.worker_rules import capped, overcommitted
from tokenlane_fleet.plan.design import Candidate, Engine, fleet
from tokenlane_fleet.plan.workload import workload
from tokenlane_fleet.sim.fleet import Pull, Steal
from tokenlane_fleet.sim.slo import two_classes
from tokenlane_fleet.sim.workloads import uniform

RATES = {"by-turns": 2.0, "one-push": 1.6, "defaults": 0.5}


def starts(engine: Engine) -> list[Candidate]:
    trace = uniform(200, 10.0, np.random.default_rng(1), (100, 9_000), (10, 300))
    return PULLED.starts(Setting(h100(), workload(trace, two_classes()), 8, (engine,)))


def steal(of: Candidate) -> Steal:
    assert isinstance(of.design.dispatch, Pull)
    return of.design.dispatch.steal


def test_bars_are_ratios_that_are_reached_or_not() -> None:
    found = bars.of_goodput({"mix": RATES, "uniform": {**RATES, "by-turns": 1.5}})
    assert [bar.is_kept for bar in found] == [True, True, False]
    assert not bars.of_limits({"by-turns": 1.2, "one-push": 1.0}).is_kept
    assert [bar.is_kept for bar in bars.of_overload(0.3, 2.1)] == [True, False]
    assert bars.ratio(1.0, 0.0) == float("inf")
    assert found[0].row() == [found[0].what, "1.25x", "at least 1.15x", "kept"]


def test_starts_have_alike_lanes_or_larger_steps_where_nothing_short_is_run() -> None:
    for start in starts(Engine(131_072, 256, 448, 224, 1.0, 1024)):
        short, long = (lane.engine for lane in start.design.lanes)
        assert (short == long) == (steal(start) is Steal.MOST_URGENT)
        assert short.max_num_batched_tokens <= long.max_num_batched_tokens
        assert short.prefill_cap == 4 * short.max_num_batched_tokens
        assert read(json.loads(json.dumps(written(start)))) == start
        assert sum(start.replicas) == 8


def test_workers_settings_change_in_all_lanes() -> None:
    start = starts(Engine(131_072, 256, 512, 256))[0]
    pools = fleet(capped(overcommitted(start, 2.0), 3).design, start.replicas, h100()).pools
    assert {pool.overcommit for pool in pools} == {2.0}
    assert [pool.prefill_cap for pool in pools] == [3 * pool.limits.max_num_batched_tokens for pool in pools]


def test_every_policy_has_a_contender() -> None:
    assert [named(key).key for key in POLICIES] == list(POLICIES)


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--azure", "missing.csv"], "no file at missing.csv"), (["--parts", "all"], "no part all")]
)
def test_what_is_wrong_is_one_clear_line(arguments: list[str], said: str) -> None:
    command = [sys.executable, "-m", "bench.goodput", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr.strip().splitlines()[-1]
