"""The plan on a terminal, narrow and wide."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tests.unit.cli.plan.made import ANSWER, HOSTILE, REPORT, hostile
from tokenlane_cli.plan.answer import Answer
from tokenlane_cli.plan.table import RECOMMENDED, plan_lines


def shown(answer: Answer, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    for line in plan_lines(answer):
        console.print(line)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_off(width: int) -> None:
    text = shown(ANSWER, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    for header in ("GPUs", "$/h", "GPU-h", "preempt.", "SLO", "kept", "TTFT P50", "TTFT P99", "TPOT P50", "TPOT P99"):
        assert header in text
    words = " ".join(text.split())
    for sentence in (*REPORT.verdict, *REPORT.warnings):
        assert sentence in words
    assert "19,366 requests in 58 min" in words
    assert "--max-num-batched-tokens 1024" in words
    assert "2,048 1 + 1 20 0.77 1.3 +18 % +9 % \N{MINUS SIGN}100 %" in words
    assert "8,192 2 + 1 30 0.999 1 0 % \N{EN DASH} missed" in words


def test_the_recommended_option_is_marked_in_every_table() -> None:
    marked = [line for line in shown(ANSWER, 120).splitlines() if line.strip().startswith(RECOMMENDED)]
    assert len(marked) == 5
    assert sum("one pool, tuned, pull" in line for line in marked) == 4
    assert sum("2,048" in line for line in marked) == 1


def test_an_option_is_one_row_with_its_lanes() -> None:
    lines = shown(ANSWER, 120).splitlines()
    row = next(index for index, line in enumerate(lines) if "three lanes, tuned" in line)
    assert lines[row].split()[-7:] == ["12", "30", "11.7", "0.448", "0", "1.00\N{MULTIPLICATION SIGN}", "missed"]
    assert "1 + 1 + 1 replicas, boundaries 1,024 and 4,096" in lines[row + 1]


def test_without_a_fleet_that_keeps_the_objectives_nothing_is_recommended() -> None:
    text = shown(replace(ANSWER, report=replace(REPORT, best=None, boundaries=())), 80)
    assert RECOMMENDED not in text
    assert "vllm serve" not in text
    assert "two fixed lanes by boundary" not in text


def test_names_from_elsewhere_are_neither_markup_nor_control() -> None:
    text = shown(hostile(), 200)
    assert "\x1b[31m" not in text
    assert HOSTILE in text


def test_objectives_out_of_reach_leave_the_verdict() -> None:
    text = shown(replace(ANSWER, report=replace(REPORT, best=None, boundaries=(), options=())), 80)
    assert "GPU-h" not in text
    assert REPORT.verdict[0] in text


def test_without_a_price_there_is_a_dash() -> None:
    free = tuple(replace(option, cost_per_hour=0.0) for option in REPORT.options)
    text = shown(replace(ANSWER, report=replace(REPORT, options=free, price_per_gpu_hour=0.0)), 120)
    assert "no price" in text
    row = next(line for line in text.splitlines() if "elastic lanes" in line)
    assert row.split()[3] == "\N{EN DASH}"
