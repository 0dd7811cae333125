"""`tokenlane calibrate` finds the step times that an engine was given. Real time, so nothing runs beside it."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.simulated_server import SimulatedServer
from tokenlane_cli.calibrate.profile_file import load_profile, read_profile
from tokenlane_fleet import Batch, Profile, SchedulerLimits, StepCost
from tokenlane_worker.engine.simulated import SimulatedEngineConfig

# Steps of 20 to 40 ms: what the test's own processes take beside them is little.
COST = StepCost(0.009, 0.012, 6e-5, 1.5e-4, 3e-6, 3e-9)
LIMITS = SchedulerLimits(num_blocks=257, block_size=16, max_num_seqs=16, max_num_batched_tokens=512, max_model_len=1024)
KNOWN = SimulatedEngineConfig("known", profile=Profile("known", COST, LIMITS))
RANGE = [
    *(Batch(0, streams, streams, streams * context, 0) for streams in (1, 4, 8) for context in (60, 300)),
    *(Batch(tokens, 0, 1, tokens, tokens * (tokens + 1) // 2) for tokens in (128, 256, 384)),
]


async def test_known_step_times_are_recovered(tmp_path: Path) -> None:
    out = tmp_path / "profile.json"
    async with SimulatedServer(KNOWN) as server:
        limits = ("--streams", "8", "--max-num-seqs", "16", "--max-num-batched-tokens", "512")
        named = ("--gpu-name", "a100", "--tp", "2", "--price", "2.5")
        command = [sys.executable, "-m", "tokenlane_cli", "calibrate", "--url", server.url, "--out", str(out)]
        command += ["--seconds", "5", *limits, *named]
        # The server runs in this loop.
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "step of 8 on" in done.stdout
    assert "residuals over" in done.stdout
    hardware = read_profile(out)
    assert (hardware.model, hardware.gpu, hardware.tensor_parallel) == ("known", "a100", 2)
    assert (hardware.kv_tokens, hardware.block_size, hardware.max_model_len) == (4096, 16, 1024)
    for batch in RANGE:
        assert hardware.cost.seconds(batch) == pytest.approx(COST.seconds(batch), rel=0.10), batch
    assert load_profile(out).measured.engine == "vLLM 0.32.0"
