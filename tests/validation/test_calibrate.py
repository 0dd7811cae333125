"""`tokenlane calibrate` on a running vLLM."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.vllm import VllmServer
from tests.validation.workloads import workloads
from tokenlane_cli.calibrate.profile_file import load_profile, read_profile

pytestmark = pytest.mark.engine


def test_a_running_vllm_is_measured(server: VllmServer, tmp_path: Path) -> None:
    """What it holds is as it was started; how well steps fit depends on the machine, that they fit at all does not."""
    out = tmp_path / "profile.json"
    limits = workloads()[-1].limits
    flags = ("--seconds", "6", "--streams", "16", "--max-num-batched-tokens", str(limits.max_num_batched_tokens))
    command = [sys.executable, "-m", "tokenlane_cli", "calibrate", "--url", server.url, "--out", str(out), *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    hardware, profile = read_profile(out), load_profile(out)
    assert (hardware.kv_tokens, hardware.block_size) == (limits.kv_capacity_tokens, limits.block_size)
    assert (hardware.model, hardware.max_model_len) == ("tiny", limits.max_model_len)
    assert profile.measured.engine == "vLLM 0.32.0"
    assert {point.kind for point in profile.measured.points} == {"decode", "prefill"}
    assert profile.measured.residuals.r_squared > 0.8
