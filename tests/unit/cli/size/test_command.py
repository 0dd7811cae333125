"""`tokenlane size`, as it is typed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit.fleet.hardware.configs import LLAMA_70B
from tokenlane_cli.app import app
from tokenlane_cli.errors import UsageError
from tokenlane_fleet.hardware.hardware import derive


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["size", *arguments], env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def asked(*arguments: str) -> dict[str, Any]:
    found = json.loads(run(*arguments, "--json"))
    assert isinstance(found, dict)
    return found


def refused(*arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        run(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_shows_memory_concurrency_steps_and_the_command() -> None:
    shown = run("--model", "llama-3-70b", "--gpu", "h100")
    for part in (
        "weights",
        "KV cache",
        "2,300",
        "prompt 2,000 + output 300",
        "a token takes",
        "long_prefill_token_threshold",
        "not measured",
    ):
        assert part in shown
    lines = shown.splitlines()
    assert max(len(line) for line in lines[:-1]) <= 80
    # One line, however long, so that it can be copied.
    assert lines[-1].startswith("vllm serve meta-llama/Llama-3.1-70B-Instruct --tensor-parallel-size 4 ")
    assert lines[-1].endswith("--max-num-batched-tokens 800 --long-prefill-token-threshold 576")


def test_json_has_all_of_it() -> None:
    found = asked("--model", "llama-3-8b", "--gpu", "l4", "--tp", "1", "--kv-dtype", "fp8")
    assert set(found) == {
        "hardware", "memory", "lengths", "held", "decode", "prefill", "limits", "settings", "command", "notes",
    }  # fmt: skip
    assert found["hardware"]["tensor_parallel"] == 1
    assert found["memory"]["kv_per_token"] == 65_536
    assert "--kv-cache-dtype fp8" in found["command"]


def test_settings_reach_the_engine() -> None:
    found = asked(
        "--model", "llama-3-8b", "--gpu", "h100", "--max-model-len", "4096", "--gpu-memory-utilization", "0.5",
    )  # fmt: skip
    assert found["hardware"]["max_model_len"] == 4096
    assert "--max-model-len 4096" in found["command"]
    assert "--gpu-memory-utilization 0.5" in found["command"]


def test_a_mixtures_small_steps_are_faster_than_its_busy_ones() -> None:
    found = asked("--model", "qwen3-235b-a22b", "--gpu", "h200")
    alone, busy = found["decode"][0], found["hardware"]["cost"]
    assert alone["seconds"] < busy["overhead_s"] + busy["weights_s"]


def test_notes_say_what_the_figures_leave_out() -> None:
    assert any(
        "does not compute in FP4" in note for note in asked("--model", "llama-3-8b-nvfp4", "--gpu", "a100")["notes"]
    )
    assert any("linear-attention" in note for note in asked("--model", "qwen3.6-27b-nvfp4", "--gpu", "h100")["notes"])
    assert any("of 131,072 tokens" in note for note in asked("--model", "llama-3-70b", "--gpu", "l4")["notes"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give --model and --gpu"),
        (("--model", "llama-3-70b"), "give --model and --gpu"),
        (("--model", "abacus", "--gpu", "h100"), "unknown model 'abacus'; there are: glm-5.2-fp8"),
        (("--model", "llama-3-8b", "--gpu", "abacus"), "unknown GPU 'abacus'; there are: a100-80"),
        (("--model", "llama-3-70b", "--gpu", "h100", "--tp", "1"), "GiB too little on each GPU; tensor parallelism 4"),
        (
            ("--model", "llama-3-8b", "--gpu", "h100", "--prompt", "200000"),
            "longer than the engine's context of 131,072",
        ),
        (("--model", "llama-3-8b", "--gpu", "h100", "--gpu-memory-utilization", "7"), "must be in (0, 1]"),
        (("--model", "llama-3-8b", "--gpu", "h100", "--max-model-len", "999999"), "max_model_len must be from 1"),
        (("--profile", "x.json", "--gpu", "h100"), "leave out --model, --gpu and --tp"),
        (("--model", "x" * 5000, "--gpu", "h100"), "unknown model"),
        (("--model", "no/such/config.json", "--gpu", "h100"), "cannot read no/such/config.json"),
    ],
)
def test_what_cannot_be_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(*arguments)


def test_the_list_shows_models_and_gpus() -> None:
    shown = run("--list")
    for name in ("llama-3-70b", "qwen3.6-27b-nvfp4", "glm-5.2-nvfp4", "smollm2-135m", "rtx-pro-6000", "mi300x"):
        assert name in shown
    found = json.loads(run("--list", "--json"))
    assert all(entry["source"] for entry in [*found["models"], *found["gpus"]])


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    directory = tmp_path / "my-model"
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(LLAMA_70B))
    return directory


def test_a_directory_is_a_model(checkpoint: Path) -> None:
    found = asked("--model", str(checkpoint), "--gpu", "h100")
    known = asked("--model", "llama-3-70b", "--gpu", "h100")
    assert found["hardware"]["kv_tokens"] == pytest.approx(known["hardware"]["kv_tokens"], rel=0.01)
    assert found["hardware"]["model"] == "my-model"
    assert found["command"].startswith(f"vllm serve {checkpoint} ")
    assert asked("--model", str(checkpoint / "config.json"), "--gpu", "h100") == found


def test_its_files_say_how_large_it_is(checkpoint: Path) -> None:
    (checkpoint / "model-00001.safetensors").write_bytes(b"x" * 1000)
    assert asked("--model", str(checkpoint), "--gpu", "h100")["memory"]["weights"] == 1000
    (checkpoint / "model.safetensors.index.json").write_text('{"metadata": {"total_size": 8e9}}')
    assert asked("--model", str(checkpoint), "--gpu", "h100")["memory"]["weights"] == 8e9


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"hidden_size": "large"}'])
def test_a_config_that_is_none_is_one_line(checkpoint: Path, text: str) -> None:
    (checkpoint / "config.json").write_text(text)
    assert "config.json" in refused("--model", str(checkpoint), "--gpu", "h100")


def test_a_measured_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profile_file = pytest.importorskip("tokenlane_cli.calibrate.profile_file")
    measured = replace(derive("smollm2-135m", "l4"), gpu="cpu", step_time="measured", price_per_gpu_hour=0.0)
    monkeypatch.setattr(profile_file, "read_profile", lambda path: measured)
    shown = run("--profile", str(tmp_path / "profile.json"), "--prompt", "200", "--output", "50")
    assert "smollm2-135m on 1 x cpu" in shown
    assert "measured" in shown
    assert "memory of a GPU" not in shown


def test_it_needs_none_of_the_heavy_packages() -> None:
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('numpy', 'numba', 'matplotlib', 'jinja2', 'scipy')))\n"
        "from tokenlane_cli.app import app\n"
        "app(['size', '--model', 'llama-3-8b', '--gpu', 'h100'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "vllm serve" in done.stdout
