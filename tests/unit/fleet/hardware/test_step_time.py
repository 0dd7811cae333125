"""Step costs from data sheets, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_fleet import Batch, StepCost
from tokenlane_fleet.hardware.gpu import Gpu
from tokenlane_fleet.hardware.hardware import derive
from tokenlane_fleet.hardware.lookup import GPUS, MODELS, find_gpu, find_model
from tokenlane_fleet.hardware.step_time import linear, step_cost


def cost(model: str, gpu: str, gpus: int = 1, **more: float) -> StepCost:
    return step_cost(find_model(model), find_gpu(gpu), gpus, **more)  # type: ignore[arg-type]


def test_one_gpu_reads_all_weights_and_the_context() -> None:
    found = cost("llama-3-8b", "h100")
    assert found.weights_s == pytest.approx(16.06e9 / (3.35e12 * 0.8))
    assert found.per_token_s == pytest.approx(2 * 8.03e9 / (989e12 * 0.6))
    assert found.per_context_token_s == pytest.approx(131_072 / (3.35e12 * 0.8))
    assert found.per_attention_pair_s == pytest.approx(4 * 32 * 32 * 128 / (989e12 * 0.6))
    assert found.overhead_s == 0.002


def test_tensor_parallelism_divides_work_and_adds_exchange() -> None:
    alone, four = cost("llama-3-70b", "a100"), cost("llama-3-70b", "a100", 4)
    exchange_s = 80 * 2 * 8192 * 2 * 1.5 / 235e9
    assert four.weights_s == pytest.approx(alone.weights_s / 4)
    assert four.per_token_s == pytest.approx(alone.per_token_s / 4 + exchange_s)
    assert four.per_sequence_s == pytest.approx(alone.per_sequence_s + exchange_s)
    assert four.overhead_s == pytest.approx(0.002 + 160 * 15e-6)


def test_pcie_costs_more_than_nvlink() -> None:
    nvlink, pcie = find_gpu("h100").interconnect, find_gpu("l4").interconnect
    assert pcie.all_reduce_s > nvlink.all_reduce_s
    assert pcie.bus_bytes_per_s < nvlink.bus_bytes_per_s


def test_weights_are_computed_in_what_the_device_has() -> None:
    low = 0.98
    assert cost("llama-3-70b-fp8", "h100").per_token_s == pytest.approx(
        2 * 70.6e9 * (low / 1979e12 + (1 - low) / 989e12) / 0.6
    )
    # Widened to BF16 as they are read: less to read, as much to compute.
    for name in ("llama-3-70b-fp8", "llama-3-70b-nvfp4"):
        assert cost(name, "a100").per_token_s == pytest.approx(cost("llama-3-70b", "a100").per_token_s)
        assert cost(name, "a100").weights_s < cost("llama-3-70b", "a100").weights_s


def test_a_small_step_reads_the_experts_that_it_uses() -> None:
    model = find_model("qwen3-235b-a22b")
    busy = cost("qwen3-235b-a22b", "h200", 4)
    alone = cost("qwen3-235b-a22b", "h200", 4, step_tokens=1)
    # 8 of 128 experts, and all that is not an expert: the active parameters.
    assert alone.weights_s == pytest.approx(busy.weights_s * 22.2 / 235.1, rel=0.03)
    assert busy.weights_s == pytest.approx(model.weights.size / 4 / (4.8e12 * 0.8), rel=0.02)
    assert model.experts is not None
    assert model.experts.touched(0) == 0
    assert model.experts.touched(1) == pytest.approx(8 / 128)


def test_sparse_attention_reads_keys_of_the_indexer_and_chosen_tokens() -> None:
    found = cost("glm-5.2-nvfp4", "b200", 8)
    assert found.per_context_token_s == pytest.approx(21 * 132 / (8e12 * 0.8))
    assert found.per_sequence_s > 2048 * 78 * 1152 / (8e12 * 0.8)


def test_linear_attention_moves_its_state_in_each_step() -> None:
    state = 48 * (48 * 128 * 128 * 4 + 3 * 10_240 * 2)
    found = cost("qwen3.6-27b", "h200")
    assert found.per_sequence_s == pytest.approx(10e-6 + 2 * state / (4.8e12 * 0.8))


def test_the_linear_model_adds_where_the_roofline_takes_the_larger() -> None:
    roofline = derive("llama-3-70b", "h100", 4)
    added = derive("llama-3-70b", "h100", 4, linear=True)
    assert added.cost == linear(roofline.cost)
    assert (roofline.step_time, added.step_time) == ("data sheet, roofline", "data sheet, linear")
    batch = Batch(2048, 30, 31, 40_000, 2048 * 1024)
    lesser = min(roofline.cost.weights_s, roofline.cost.per_token_s * batch.tokens)
    assert added.cost.seconds(batch) == pytest.approx(roofline.cost.seconds(batch) + lesser)


@given(
    st.sampled_from(sorted(MODELS)),
    st.sampled_from(list(GPUS.values())),
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from(["bf16", "fp8"]),
)
def test_costs_are_positive_and_more_gpus_read_faster(model: str, gpu: Gpu, gpus: int, dtype: str) -> None:
    shape = find_model(model)
    found = step_cost(shape, gpu, gpus, kv_dtype=dtype)
    assert min(found.overhead_s, found.weights_s, found.per_token_s, found.per_sequence_s) > 0
    assert min(found.per_context_token_s, found.per_attention_pair_s) > 0
    assert step_cost(shape, gpu, 2 * gpus, kv_dtype=dtype).weights_s < found.weights_s
