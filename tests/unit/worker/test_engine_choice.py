"""Which settings an engine starts with: whoever runs the worker, else model and GPU, else the lane."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.unit.fleet.hardware.configs import LLAMA_70B
from tokenlane_fleet.hardware.engine_settings import EngineSettings, engine_settings
from tokenlane_fleet.hardware.hardware import derive
from tokenlane_fleet.hardware.lookup import GPUS, gpu_of_driver
from tokenlane_worker.engine.simulated import SimulatedEngine
from tokenlane_worker.engine.vllm_child import VllmChildEngine
from tokenlane_worker.engine.vllm_command import serve_command
from tokenlane_worker.engine_choice import Choice
from tokenlane_worker.engines import choose, make_engine
from tokenlane_worker.lane import Lane
from tokenlane_worker.settings import WorkerSettings

LANE = Lane(name="short", max_num_seqs=128, max_num_batched_tokens=1024)
H100 = "NVIDIA H100 80GB HBM3"
LLAMA_8B = "meta-llama/Llama-3.1-8B-Instruct"


def settings(**values: object) -> WorkerSettings:
    return WorkerSettings.model_validate({"engine": "vllm", "model": LLAMA_8B} | values)


def chosen(*gpus: str, lane: Lane = LANE, **values: object) -> Choice:
    return choose(settings(**values), lane, gpus)


def numbers(of: Choice | EngineSettings) -> tuple[int, int, int]:
    found = of.settings if isinstance(of, Choice) else of
    return found.max_num_seqs.value, found.max_num_batched_tokens.value, found.long_prefill_token_threshold.value


def by_rule(model: str, gpu: str, gpus: int, tpot_s: float = 0.08) -> tuple[int, int, int]:
    return numbers(engine_settings(derive(model, gpu, gpus), tpot_s))


def test_model_and_gpu_decide() -> None:
    found = chosen(H100)
    assert numbers(found) == by_rule("llama-3-8b", "h100", 1)
    assert found.basis == "llama-3-8b on 1 x h100, 80 ms a token; step times: data sheet, roofline"


def test_the_engines_own_arguments_say_what_it_is() -> None:
    arguments = "-tp 4 --kv_cache_dtype=fp8_e4m3 --gpu-memory-utilization 0.8 --max-model-len 32768"
    found = chosen(*[H100] * 8, model="meta-llama/Llama-3.3-70B-Instruct", engine_args=arguments)
    device = derive("llama-3-70b", "h100", 4, kv_dtype="fp8", gpu_memory_utilization=0.8, max_model_len=32_768)
    assert numbers(found) == numbers(engine_settings(device))


def test_a_lane_may_promise_another_time_a_token() -> None:
    slow = Lane("long", 64, 4096, tpot_s=0.15)
    assert numbers(chosen(H100, lane=slow)) == by_rule("llama-3-8b", "h100", 1, 0.15)
    assert numbers(chosen(H100, lane=slow, engine_tpot_ms=40)) == by_rule("llama-3-8b", "h100", 1, 0.04)


@pytest.mark.parametrize(
    ("gpus", "values", "why"),
    [
        ((), {}, "no GPU"),
        (("NVIDIA GeForce RTX 4090",), {}, "NVIDIA GeForce RTX 4090"),
        (("NVIDIA H100 PCIe",), {}, "NVIDIA H100 PCIe"),
        (("NVIDIA H100 80GB HBM3, MIG",), {}, "MIG"),
        ((H100, "NVIDIA L4"), {}, "beside"),
        ((H100,), {"model": "acme/abacus"}, "unknown model 'acme/abacus'"),
        ((H100,), {"model": "llama-3-70b"}, "does not fit on 1 x h100"),
        ((H100,), {"engine_args": "--pipeline-parallel-size=2"}, "--pipeline-parallel-size"),
        ((H100,), {"engine_args": "--speculative_config '{}'"}, "--speculative-config"),
        ((H100,), {"engine_args": "--no-enable-chunked-prefill"}, "--no-enable-chunked-prefill"),
        ((H100,), {"engine_args": "--max-model-len 8k"}, "invalid int"),
        ((H100,), {"engine_args": "--kv-cache-dtype int4"}, "kv_dtype must be one of"),
    ],
)
def test_what_is_not_known_leaves_the_lanes_numbers(gpus: tuple[str, ...], values: dict[str, object], why: str) -> None:
    found = choose(settings(**values), LANE, gpus)
    assert numbers(found) == (128, 1024, 0)
    assert found.basis.startswith("the lane alone: ")
    assert why in found.basis


def test_a_models_files_are_as_good_as_its_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_70B))
    (tmp_path / "model.safetensors.index.json").write_text('{"metadata": {"total_size": 141.2e9}}')
    found = chosen(H100, model=str(tmp_path), engine_args="--tensor-parallel-size 4")
    assert numbers(found) == by_rule("llama-3-70b", "h100", 4)


@pytest.mark.parametrize("text", ["", "[]", "{}", "\udcff"])
def test_files_that_are_no_model_leave_the_lanes_numbers(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    assert numbers(chosen(H100, model=str(tmp_path))) == (128, 1024, 0)
    (tmp_path / "config.json").unlink()
    assert "config.json" in chosen(H100, model=str(tmp_path)).basis


def test_settings_win_over_the_default() -> None:
    found = chosen(H100, engine_max_num_seqs=96, engine_long_prefill_token_threshold=100)
    assert numbers(found) == (96, by_rule("llama-3-8b", "h100", 1)[1], 100)
    assert found.settings.max_num_seqs.why == "TOKENLANE_ENGINE_MAX_NUM_SEQS"
    assert found.settings.long_prefill_token_threshold.why == "TOKENLANE_ENGINE_LONG_PREFILL_TOKEN_THRESHOLD"


def test_a_long_prompts_part_follows_the_steps_that_were_asked_for() -> None:
    _, step, cut = numbers(chosen(H100, engine_max_num_batched_tokens=640))
    assert (step, cut) == (640, 480)


def test_arguments_win_over_settings() -> None:
    found = chosen(H100, engine_max_num_seqs=96, engine_args="--max_num_seqs=32 --long-prefill-token-threshold 0")
    assert numbers(found)[::2] == (32, 0)
    assert found.settings.max_num_seqs.why == "TOKENLANE_ENGINE_ARGS"


def test_whoever_sets_the_step_by_arguments_sets_the_cut_too() -> None:
    assert numbers(chosen(H100, engine_args="--max-num-batched-tokens 8192"))[1:] == (8192, 0)
    assert numbers(chosen(H100, engine_args="--max-num-batched-tokens 8k"))[2] == 0


@pytest.mark.parametrize("gpus", [(), (H100,)])
def test_a_step_has_a_token_for_each_sequence(gpus: tuple[str, ...]) -> None:
    assert numbers(chosen(*gpus, engine_args="--max-num-seqs 4096"))[:2] == (4096, 4096)
    assert numbers(chosen(*gpus, engine_max_num_batched_tokens=64))[:2] == (64, 64)
    both = chosen(*gpus, engine_max_num_batched_tokens=64, engine_max_num_seqs=128)
    assert numbers(both)[:2] == (128, 64), "vLLM refuses that, and names it"


def command(*gpus: str, **values: object) -> list[str]:
    engine = make_engine(settings(**values), LANE, lambda environment: gpus)
    assert isinstance(engine, VllmChildEngine)
    return serve_command(engine._config, Path("/run/s"))


def test_the_command_has_them_before_the_users_own() -> None:
    seqs, step, cut = by_rule("llama-3-8b", "h100", 1)
    line = command(H100, engine_args="--enforce-eager")
    for option, value in (
        ("--max-num-seqs", seqs),
        ("--max-num-batched-tokens", step),
        ("--long-prefill-token-threshold", cut),
    ):
        assert line[line.index(option) + 1] == str(value)
        assert line.index(option) < line.index("--enforce-eager")


def test_without_a_gpu_the_command_is_the_lanes() -> None:
    line = command()
    assert line[line.index("--max-num-seqs") + 1] == "128"
    assert line[line.index("--max-num-batched-tokens") + 1] == "1024"
    assert "--long-prefill-token-threshold" not in line


def test_it_is_said_once_with_the_reasons() -> None:
    with capture_logs() as logs:
        command(H100)
    (line,) = logs
    assert line["event"] == "engine settings"
    assert line["by"].startswith("llama-3-8b on 1 x h100")
    assert line["max_num_seqs"] == 256
    assert all(line[f"{name}_why"] for name in ("max_num_seqs", "max_num_batched_tokens"))


def test_a_number_that_is_none_is_left_to_the_engines_start() -> None:
    assert numbers(chosen(H100, engine_args="--max-num-seqs many"))[0] == 256


def test_the_simulated_engine_has_the_lanes_numbers_or_those_asked_for() -> None:
    sim = {"engine": "sim", "model": "", "sim_profile": "h100-llama3-8b"}
    plain = make_engine(settings(**sim), LANE)
    asked = make_engine(
        settings(**sim, engine_max_num_batched_tokens=512, engine_long_prefill_token_threshold=256), LANE
    )
    assert isinstance(plain, SimulatedEngine)
    assert isinstance(asked, SimulatedEngine)
    assert (plain._config.max_num_batched_tokens, plain._config.long_prefill_token_threshold) == (1024, None)
    assert (asked._config.max_num_batched_tokens, asked._config.long_prefill_token_threshold) == (512, 256)


def test_the_drivers_names_are_those_of_one_device_each() -> None:
    for gpu in GPUS.values():
        for name in gpu.driver_names:
            assert gpu_of_driver(name) is gpu
            assert gpu_of_driver(name.removeprefix("NVIDIA ").upper()) is gpu
    assert gpu_of_driver("NVIDIA A100-SXM4-40GB") is None
