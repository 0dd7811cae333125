"""What the comparison of chosen engine settings rests on."""

import subprocess
import sys
from collections.abc import Sequence

from bench.goodput.chosen import DRAWS, SEARCH_DRAW, best, chosen, grid, of_lanes, of_vllm, row
from tokenlane_fleet.hardware.engine_settings import engine_settings
from tokenlane_fleet.hardware.hardware import derive
from tokenlane_fleet.plan.design import Candidate
from tokenlane_worker.lane import Lane

H100 = derive("llama-3-8b", "h100", 1)


def steps(of: Candidate) -> tuple[int, ...]:
    return tuple(lane.engine.max_num_batched_tokens for lane in of.design.lanes)


def near_1000(of: Candidate, draws: Sequence[int]) -> float:
    """A goodput that is highest with steps of 1,000 tokens; on the draw that is searched on, with 3,000."""
    return 1 / (1 + abs(steps(of)[0] - (3000 if draws == (SEARCH_DRAW,) else 1000)))


def test_engines_are_those_of_workers_lanes_and_vllm() -> None:
    step = engine_settings(H100).max_num_batched_tokens.value
    assert steps(chosen(H100)) == (step, step)
    assert steps(of_lanes(H100, Lane("short", 128, 1024), Lane("long", 64, 4096))) == (1024, 4096)
    assert steps(of_vllm(H100)) == (8192, 8192)
    for of in (chosen(H100), of_vllm(H100), *grid(H100)):
        assert {lane.engine.prefill_cap for lane in of.design.lanes} == {4 * steps(of)[0]}


def test_the_best_of_the_grid_is_found_on_another_draw_than_it_is_told_of() -> None:
    found, kept = best(grid(H100), near_1000)
    assert steps(found)[0] == 3072
    assert kept == near_1000(found, DRAWS)


def test_a_row_has_each_goodput_and_what_is_chosen_against_it() -> None:
    cells = row(("llama-3-8b", "h100", 1), lambda of, draws: float(steps(of)[0]))
    step = engine_settings(H100).max_num_batched_tokens.value
    assert cells[0] == "llama-3-8b, 1 x h100"
    assert cells[2] == f"{step:.3g}"
    assert cells[4].endswith(f"({step / 1024:.3g}x)")
    assert row(("llama-3-8b", "h100", 1), lambda of, draws: 0.0)[3] == "0 (-)"


def test_pairs_that_are_none_are_one_clear_line() -> None:
    command = [sys.executable, "-m", "bench.goodput.chosen", "--azure", __file__, "--pairs", "llama"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no pairs as in llama-3-70b:h100:4: llama" in done.stderr
