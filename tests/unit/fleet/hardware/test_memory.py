"""Where a GPU's memory goes, by hand and beside what vLLM printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_fleet.hardware.gpu import GIB
from tokenlane_fleet.hardware.lookup import GPUS, MODELS, find_gpu, find_model
from tokenlane_fleet.hardware.memory import MemoryBudget, memory_budget

models = st.sampled_from(sorted(MODELS)).map(find_model)
gpus = st.sampled_from(sorted(GPUS)).map(find_gpu)


def budget(
    model: str, gpu: str, gpus: int, utilization: float = 0.9, seqs: int = 256, tokens: int = 8192
) -> MemoryBudget:
    return memory_budget(
        find_model(model),
        find_gpu(gpu),
        gpus,
        gpu_memory_utilization=utilization,
        max_num_seqs=seqs,
        max_num_batched_tokens=tokens,
    )


@pytest.mark.parametrize(
    ("model", "tensor_parallel", "dtype", "expected"),
    [
        ("llama-3-8b", 1, "bf16", 32 * 8 * 128 * 2 * 2),
        ("llama-3-70b", 4, "bf16", 80 * 2 * 128 * 2 * 2),
        ("llama-3-70b", 4, "fp8", 80 * 2 * 128 * 2),
        # Four KV heads on eight GPUs: one on each, so that no more is saved.
        ("qwen3-235b-a22b", 4, "bf16", 94 * 128 * 2 * 2),
        ("qwen3-235b-a22b", 8, "bf16", 94 * 128 * 2 * 2),
        # 16 of 64 layers keep keys and values.
        ("qwen3.6-27b-nvfp4", 1, "bf16", 65_536),
        ("qwen3.6-27b-nvfp4", 1, "fp8", 32_768),
        # One latent vector whatever the number of GPUs, and the indexer's keys.
        ("glm-5.2-nvfp4", 1, "bf16", 78 * 576 * 2 + 21 * 132),
        ("glm-5.2-nvfp4", 8, "fp8", 78 * 656 + 21 * 132),
        ("smollm2-135m", 1, "bf16", 30 * 3 * 64 * 2 * 2),
    ],
)
def test_kv_bytes_a_token_on_each_gpu(model: str, tensor_parallel: int, dtype: str, expected: int) -> None:
    found = memory_budget(find_model(model), find_gpu("b200"), tensor_parallel, kv_dtype=dtype)
    assert found.kv_per_token == expected


def test_the_draft_layer_makes_up_what_vllm_counts_for_glm() -> None:
    """54,728 bytes a token with one more layer that has an indexer of its own (local-inference-lab/vllm#82)."""
    found = memory_budget(find_model("glm-5.2-nvfp4"), find_gpu("b200"), 8, kv_dtype="fp8")
    assert found.kv_per_token + 656 + 132 == 54_728


@pytest.mark.parametrize(("dtype", "block_size"), [("bf16", 784), ("fp8", 1568)])
def test_a_hybrid_model_has_blocks_as_large_as_a_state(dtype: str, block_size: int) -> None:
    """Sizes that vLLM logs for this shape."""
    found = memory_budget(find_model("qwen3.6-27b"), find_gpu("h200"), 1, kv_dtype=dtype)
    assert found.block_size == block_size
    assert found.state_tokens == 3 * block_size
    assert found.sequences(1) == found.kv_tokens // (4 * block_size)


@pytest.mark.parametrize(
    ("found", "printed_gib"),
    [
        (budget("llama-3-8b", "h100", 1), 53.29),
        (budget("llama-3-8b", "h100", 2), 58.97),
        (budget("llama-3-70b-fp8", "h100", 1, 0.98, 256, 2048), 1381 * 16 * 327_680 / GIB),
        (budget("qwen3.6-27b-fp8", "h100", 1, 0.95, 1024), 856 * 784 * 65_536 / GIB),
    ],
    ids=["vllm#10511 tp1", "vllm#10511 tp2", "vllm#12569", "recipes#551"],
)
def test_the_kv_cache_is_as_large_as_vllm_prints(found: MemoryBudget, printed_gib: float) -> None:
    """Within 1.5 GiB of a GPU of 80; docs/hardware.md has the list."""
    assert found.kv / GIB == pytest.approx(printed_gib, abs=1.5)


@given(models, gpus, st.sampled_from([1, 2, 4, 8]), st.sampled_from(["bf16", "fp8"]), st.floats(0.3, 1.0))
def test_the_parts_add_up(model: object, gpu: object, tensor_parallel: int, dtype: str, utilization: float) -> None:
    found = memory_budget(model, gpu, tensor_parallel, kv_dtype=dtype, gpu_memory_utilization=utilization)  # type: ignore[arg-type]
    parts = found.spared + found.weights + found.activations + found.runtime + found.kv
    assert parts == pytest.approx(found.memory)
    assert found.kv_tokens >= 0
    assert found.kv_tokens % found.block_size == 0
    assert found.kv_tokens * found.kv_per_token <= max(0.0, found.kv)


@given(models, gpus, st.sampled_from([1, 2, 4, 8]), st.integers(1, 200_000))
def test_what_is_held_fits(model: object, gpu: object, tensor_parallel: int, tokens: int) -> None:
    found = memory_budget(model, gpu, tensor_parallel)  # type: ignore[arg-type]
    sequences = found.sequences(tokens)
    assert sequences * (tokens * found.kv_per_token + found.state_per_sequence) <= max(0.0, found.kv)
    assert found.sequences(tokens + 1) <= sequences
    assert (found.longest() >= tokens) == (sequences >= 1) or found.block_size > 16
