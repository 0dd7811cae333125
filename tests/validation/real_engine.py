"""Runs workloads on real vLLM and reads back what its steps did."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.vllm import CACHE, ENGINE_BIN, ROOT, cache_environment, cpu_environment
from tests.validation.workloads import Workload

TINY = CACHE / "models" / "tiny-llama"
ENGINE_DRIVER = Path(__file__).parent / "engine_driver.py"
ASYNC_DRIVER = Path(__file__).parent / "async_driver.py"
_START_S = 600


@dataclass(frozen=True, slots=True)
class Step:
    """What one engine step did: (request, tokens) in scheduling order, and the requests preempted, emitting and
    finishing in it. `end` is the clock after it; `wall_s` and `cpu_s` its duration."""

    scheduled: tuple[tuple[int, int], ...]
    preempted: tuple[int, ...]
    emitted: tuple[int, ...]
    finished: tuple[int, ...]
    end: float
    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """A workload, the arguments its engine gets beside the limits, and what its clock counts (see engine_driver)."""

    workload: Workload
    engine: dict[str, Any]
    clock: str = "step"


# What the model models: no reuse of prefixes, and each step decided on the outcome of the one before.
MODELLED: dict[str, Any] = {"enable_prefix_caching": False, "async_scheduling": False}


def run_on_vllm(runs: Sequence[Run], driver: Path = ENGINE_DRIVER, timeout_s: float = _START_S) -> list[list[Step]]:
    """The steps of each run. Raises RuntimeError with the end of the log if vLLM fails."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "runs.json", Path(folder) / "steps.json"
        source.write_text(json.dumps([_asked(run) for run in runs]))
        done = subprocess.run(
            [ENGINE_BIN / "python", driver, source, target],
            env=os.environ | _environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if done.returncode:
            raise RuntimeError(f"vLLM failed:\n{(done.stdout + done.stderr)[-4000:]}")
        return [[_step(row) for row in rows] for rows in json.loads(target.read_text())]


def make_tiny_model() -> None:
    """Does nothing if it is there."""
    script = ROOT / "engine" / "make_tiny_model.py"
    subprocess.run([ENGINE_BIN / "python", script], check=True, capture_output=True)


def _environment() -> dict[str, str]:
    settings = cpu_environment()
    del settings["TOKENLANE_ENGINE_ARGS"]
    return settings | cache_environment() | {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}


def _asked(run: Run) -> dict[str, Any]:
    limits = run.workload.limits
    arguments = {
        "model": str(TINY),
        "dtype": "float32",
        "enforce_eager": True,
        "distributed_executor_backend": "uni",
        "num_gpu_blocks_override": limits.num_blocks,
        "block_size": limits.block_size,
        "max_num_seqs": limits.max_num_seqs,
        "max_num_batched_tokens": limits.max_num_batched_tokens,
        "max_model_len": limits.max_model_len,
        "long_prefill_token_threshold": limits.long_prefill_token_threshold,
        "scheduler_reserve_full_isl": limits.reserve_full_prompt,
        "watermark": limits.watermark,
    }
    requests = [[arrival.at, arrival.prompt_tokens, arrival.output_tokens] for arrival in run.workload.arrivals]
    return {"engine": arguments | run.engine, "clock": run.clock, "requests": requests}


def _step(row: dict[str, Any]) -> Step:
    return Step(
        scheduled=tuple((number, tokens) for number, tokens in row["scheduled"]),
        preempted=tuple(row["preempted"]),
        emitted=tuple(row["emitted"]),
        finished=tuple(row["finished"]),
        end=row["end"],
        wall_s=row["wall_s"],
        cpu_s=row["cpu_s"],
    )
