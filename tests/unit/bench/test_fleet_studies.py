"""What the studies of bench.fleet rest on, beside the simulator."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.fleet import published
from bench.fleet.cache import Cache
from bench.fleet.contenders import CONTENDERS, Contender, Setting
from bench.fleet.engines import authors, h100, paper_designs
from bench.fleet.peer_ours import answer
from bench.fleet.peer_question import Question, distribution_of
from bench.fleet.peer_side import fewest
from bench.fleet.settings_words import read, written
from tokenlane_fleet.plan.design import Engine, fleet
from tokenlane_fleet.plan.workload import workload
from tokenlane_fleet.sim.slo import two_classes
from tokenlane_fleet.sim.workloads import uniform


def test_the_closed_form_yields_the_published_sizes() -> None:
    assert published.closed_form_gpus(0.0) == published.HOMOGENEOUS["Azure"].gpus == 358
    for trace, two in published.DUAL.items():
        assert abs(published.closed_form_gpus(published.implied_alpha(trace)) - two.gpus) <= 1


def test_published_savings() -> None:
    assert published.published_saving("Azure") == pytest.approx(0.419, abs=5e-4)
    assert published.published_saving("LMSYS") == pytest.approx(0.313, abs=5e-4)


def test_the_authors_engine_holds_what_its_pools_take() -> None:
    for design in paper_designs(authors()):
        pools = fleet(design, (1,) * len(design.lanes), authors()).pools
        assert all(pool.limits.max_num_seqs * pool.limits.max_model_len <= 2**20 for pool in pools)


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda of: of.key)
def test_every_start_has_its_replicas_and_survives_json(contender: Contender) -> None:
    trace = uniform(200, 10.0, np.random.default_rng(1), (100, 9_000), (10, 300))
    setting = Setting(h100(), workload(trace, two_classes()), 8, (Engine(131_072, 256, 1024, 512, 1.0, 4096),))
    starts = contender.starts(setting)
    assert starts
    for start in starts:
        assert sum(start.replicas) == 8
        assert read(json.loads(json.dumps(written(start)))) == start


@pytest.mark.parametrize("needed", [1, 7, 100, 399])
def test_the_fewest_is_found_from_any_guess(needed: int) -> None:
    for start in (needed, 120, 500):
        found, tries = fewest(lambda count: count >= needed, start)
        assert found == needed
        assert tries < 40


def test_what_no_number_brings_is_given_up() -> None:
    assert fewest(lambda _: False, 10)[0] is None


def test_a_study_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert Cache(path).get("a", lambda: [1]) == [1]
    assert Cache(path).get("a", lambda: pytest.fail("computed again")) == [1]


def test_our_answer_is_the_smallest_that_keeps_the_limit() -> None:
    lengths = ((1024.0, 0.5), (4096.0, 0.9), (16_384.0, 1.0))
    question = Question(lengths, 50.0, 2.0, 8192, 65_536, 500, 0)
    found = answer(question, seed=1)
    assert found["one"]["searched"][0] >= 1
    assert all(value <= 2.0 for value in found["one"]["ttft_p99_s"])
    assert len(found["two"]["searched"]) == 2


def test_a_trace_becomes_a_distribution(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    rows = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    rows += [f"2023-11-16 18:15:{second:02},{100 * second + 10},{second + 1}" for second in range(60)]
    path.write_text("\n".join(rows) + "\n")
    assert distribution_of(path).quantile(1.0) <= 65_536


@pytest.mark.parametrize("study", ["speed", "paper", "policies", "peer", "ladder"])
def test_a_missing_file_is_one_clear_line(study: str) -> None:
    arguments = ["missing.csv"] if study == "speed" else ["--azure", "missing.csv"]
    command = [sys.executable, "-m", f"bench.fleet.{study}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].endswith("no file at missing.csv")
