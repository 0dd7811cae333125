"""Engines by data sheets, their limits and their flags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_fleet import FleetError, LimitsError, Scheduler, UnknownProfileError, find_profile
from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.hardware.hardware import budget_of, derive, engine_flags
from tokenlane_fleet.hardware.lookup import GPUS, MODELS, find_gpu, find_model


def test_the_fewest_gpus_that_hold_a_full_context() -> None:
    assert derive("llama-3-8b", "h100").tensor_parallel == 1
    found = derive("llama-3-70b", "h100")
    assert (found.tensor_parallel, found.max_model_len) == (4, 131_072)
    assert derive("llama-3-70b", "h100", max_model_len=8000).tensor_parallel == 2


def test_a_context_that_no_number_of_gpus_holds_is_cut() -> None:
    found = derive("llama-3-70b", "l4")
    assert found.tensor_parallel == 8
    assert found.max_model_len == found.kv_tokens < 131_072


def test_what_does_not_fit_says_how_much_is_missing_and_what_would_do() -> None:
    with pytest.raises(FleetSettingError, match=r"llama-3-70b .* 1 x h100: 6\d\.\d GiB .* 4 holds it with 131,072"):
        derive("llama-3-70b", "h100", 1)
    with pytest.raises(FleetSettingError, match=r"4 x l4: .* 8 holds it with at most \d"):
        derive("llama-3-70b", "l4", 4)
    with pytest.raises(FleetSettingError, match="no tensor parallelism up to 8 holds it"):
        derive("glm-5.2-fp8", "h100")


@pytest.mark.parametrize(
    ("model", "gpus", "possible"),
    [("smollm2-135m", 2, "1"), ("qwen3-235b-a22b-fp8", 8, "1, 2, 4"), ("llama-3-8b", 3, "8")],
)
def test_heads_that_do_not_divide_are_refused(model: str, gpus: int, possible: str) -> None:
    with pytest.raises(FleetSettingError, match=f"cannot be split over {gpus} GPUs; possible: .*{possible}"):
        derive(model, "h200", gpus)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(FleetSettingError, match="kv_dtype"):
        derive("llama-3-8b", "h100", kv_dtype="int3")
    with pytest.raises(FleetSettingError, match="gpu_memory_utilization"):
        derive("llama-3-8b", "h100", gpu_memory_utilization=1.5)
    with pytest.raises(FleetSettingError, match="max_model_len"):
        derive("llama-3-8b", "h100", max_model_len=200_000)


@pytest.mark.parametrize(
    ("gpu", "defaults"),
    [
        ("l4", (256, 2048)),
        ("a100-80", (256, 2048)),
        ("h100", (1024, 8192)),
        ("rtx-pro-6000", (1024, 8192)),
        ("b200", (1024, 16_384)),
        ("mi300x", (1024, 16_384)),
    ],
)
def test_vllms_defaults_follow_the_device(gpu: str, defaults: tuple[int, int]) -> None:
    found = derive("smollm2-135m", gpu)
    assert (found.default_max_num_seqs, found.default_max_num_batched_tokens) == defaults


@pytest.mark.parametrize("name", ["Llama-3-70B", "llama3-70b", "meta-llama/Llama-3.1-70B-Instruct", "LLAMA_3.1_70B"])
def test_models_are_found_however_they_are_written(name: str) -> None:
    assert find_model(name).key == "llama-3-70b"


@pytest.mark.parametrize(
    ("name", "key"), [("A100", "a100-80"), ("H100 SXM", "h100"), ("nvidia/l4", "l4"), ("MI300X", "mi300x")]
)
def test_gpus_too(name: str, key: str) -> None:
    assert find_gpu(name).key == key


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownProfileError, match="llama-3-8b"):
        find_model("abacus-7b")
    with pytest.raises(UnknownProfileError, match="b200"):
        find_gpu("slide-rule")


def test_every_number_has_a_source_and_no_name_means_two_things() -> None:
    for model in MODELS.values():
        assert model.source
        assert model.weights.source
        assert find_model(model.key) is find_model(model.repo) is model
    for gpu in GPUS.values():
        assert gpu.source
        assert gpu.price_source
        assert find_gpu(gpu.name) is gpu


def test_flags_hold_what_is_not_the_default() -> None:
    plain = derive("llama-3-8b", "h100")
    assert engine_flags(plain, plain.limits(32_768, 256, 2048)) == (
        "--max-model-len", "32768", "--max-num-seqs", "256", "--max-num-batched-tokens", "2048",
    )  # fmt: skip
    special = derive("llama-3-70b", "h100", 4, kv_dtype="fp8", gpu_memory_utilization=0.85)
    assert engine_flags(special, special.limits(8192, 128, 1024, 512)) == (
        "--tensor-parallel-size", "4", "--max-model-len", "8192", "--max-num-seqs", "128",
        "--max-num-batched-tokens", "1024", "--long-prefill-token-threshold", "512",
        "--kv-cache-dtype", "fp8", "--gpu-memory-utilization", "0.85",
    )  # fmt: skip


def test_limits_have_the_whole_cache_and_one_block_more() -> None:
    found = derive("llama-3-70b", "h100", 4)
    limits = found.limits(65_536, 16, 8192)
    assert limits.kv_capacity_tokens == found.kv_tokens
    with pytest.raises(LimitsError, match="max_model_len"):
        found.limits(found.kv_tokens + 1, 16, 8192)


def test_states_of_linear_attention_are_set_aside() -> None:
    found = derive("qwen3.6-27b-nvfp4", "h100", 1)
    assert found.limits(8192, 100, 8192).kv_capacity_tokens == found.kv_tokens - 100 * found.state_tokens
    crowded = found.limits(8192, 1024, 8192).kv_capacity_tokens
    assert found.kv_tokens // 2 - found.block_size < crowded <= found.kv_tokens // 2


def test_the_budget_is_the_one_behind_the_engine() -> None:
    memory = budget_of(find_model("llama-3-70b"), find_gpu("h200"))
    found = derive("llama-3-70b", "h200")
    assert (memory.tensor_parallel, memory.kv_tokens) == (found.tensor_parallel, found.kv_tokens)


@pytest.mark.parametrize(
    ("name", "tensor_parallel"), [("h200-llama3-70b", 2), ("mi300x-qwen3.6-27b-fp8", 1), ("l4-smollm2-135m-tp1", 1)]
)
def test_any_known_pair_is_a_profile(name: str, tensor_parallel: int) -> None:
    gpu, _, model = name.removesuffix("-tp1").partition("-")
    assert find_profile(name).cost == derive(model, gpu, tensor_parallel).cost
    assert Scheduler(find_profile(name).limits).free_blocks > 0


@pytest.mark.parametrize(
    "name", ["h100-abacus", "h100-llama3-70b-tp1", "slide-rule-llama3-8b", "h100-", "h100-llama3-8b-tp0"]
)
def test_other_pairs_are_not(name: str) -> None:
    with pytest.raises(UnknownProfileError, match=name):
        find_profile(name)


@given(st.sampled_from(sorted(MODELS)), st.sampled_from(sorted(GPUS)), st.sampled_from([None, 1, 2, 4, 8]))
def test_whatever_is_derived_makes_an_engine(model: str, gpu: str, tensor_parallel: int | None) -> None:
    try:
        found = derive(model, gpu, tensor_parallel)
    except FleetError:
        return
    limits = found.limits(found.max_model_len, 64, found.default_max_num_batched_tokens)
    assert Scheduler(limits).free_blocks > 0
