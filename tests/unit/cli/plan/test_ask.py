"""The planner behind the command, on a trace small enough to wait for."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tokenlane_cli.errors import UsageError
from tokenlane_cli.plan.ask import ask, slo
from tokenlane_cli.plan.display import Stage
from tokenlane_cli.plan.page import html_page
from tokenlane_cli.plan.question import Budgets, Question, objectives
from tokenlane_fleet.sim.slo import ClassLimits, two_classes


def question(path: Path, **changed: Any) -> Question:
    asked = Question(
        trace=path,
        model="llama-3-8b",
        gpu="h100",
        tensor_parallel=1,
        profile=None,
        objectives=objectives("1s", "80ms", 1024, 4000, 0.9),
        rate=None,
        limit=None,
        price=2.0,
        budgets=Budgets.EXACT,
        max_lanes=1,
        max_replicas=4,
        linear=False,
        seed=0,
        jobs=2,
    )
    return replace(asked, **changed)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path, rng = tmp_path / "chat.jsonl", random.Random(1)
    rows = [
        {"timestamp": 1000 * number, "input_length": rng.randint(50, 1500), "output_length": rng.randint(5, 200)}
        for number in range(60)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_an_answer_from_file_to_page(trace: Path) -> None:
    told: list[Stage] = []
    answer = ask(question(trace), "tokenlane plan chat.jsonl", told.append)
    report = answer.report
    assert (report.trace.name, report.trace.requests, report.price_per_gpu_hour) == ("chat.jsonl", 60, 2.0)
    assert report.best is not None
    assert all(len(option.pools) == 1 for option in report.options)
    assert answer.serve_model == "meta-llama/Llama-3.1-8B-Instruct"
    assert answer.ttft_limits_s == (1.0, 5.0)
    assert {"reading the trace", "compiling the simulator"} < {stage.name for stage in told}
    assert told[-1].simulations == report.simulations > 0
    assert "chat.jsonl" in html_page(answer)


def test_a_fleet_too_small_for_lanes_is_searched_without_them(trace: Path) -> None:
    report = ask(question(trace, max_lanes=3, max_replicas=1), "", lambda _: None).report
    assert {len(option.pools) for option in report.options} == {1}


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"gpu": "abacus"}, "unknown GPU 'abacus'"),
        ({"model": "eliza"}, "unknown model 'eliza'"),
        ({"model": "llama-3-70b"}, "does not fit"),
        ({"trace": Path("none.csv")}, "no trace at none.csv"),
        ({"profile": Path("none.json"), "model": "", "gpu": ""}, "none.json: No such file"),
    ],
)
def test_what_cannot_be_is_one_line(trace: Path, changed: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError, match=line) as refused:
        ask(question(trace, **changed), "", lambda _: None)
    assert "\n" not in str(refused.value)


def test_objectives_are_the_planners() -> None:
    assert slo(objectives("1s", "80ms", 4096, 4000, 0.99)) == two_classes()
    flat = slo(objectives("1s,3s", "80ms,150ms", 4096, 0, 0.99))
    assert flat.classes == (ClassLimits("short", 4096, 1.0, 0.08), ClassLimits("long", None, 3.0, 0.15))
    assert slo(objectives("2s", "50ms", 0, 4000, 0.9)).classes == (ClassLimits("all", None, 2.0, 0.05),)
