"""A model from its config.json is the one that the catalogue has."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleet.hardware.configs import GLM, LLAMA_70B, QWEN_27B, QWEN_235B
from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.hardware.config import from_config
from tokenlane_fleet.hardware.hardware import derive
from tokenlane_fleet.hardware.lookup import find_model


@pytest.mark.parametrize(
    ("config", "key"),
    [(LLAMA_70B, "llama-3-70b"), (QWEN_235B, "qwen3-235b-a22b"), (QWEN_27B, "qwen3.6-27b"), (GLM, "glm-5.2-fp8")],
)
def test_the_catalogue_is_found_again(config: dict[str, Any], key: str) -> None:
    known, found = find_model(key), from_config(config, "some/model")
    assert found.cache == known.cache
    assert found.state == known.state
    assert found.indexer == known.indexer
    assert found.intermediate == known.intermediate
    assert (found.layers, found.hidden, found.heads) == (known.layers, known.hidden, known.heads)
    assert (found.vocabulary, found.context) == (known.vocabulary, known.context)
    assert found.active == pytest.approx(known.active, rel=0.06)
    # A checkpoint may hold a vision encoder and a draft layer too.
    assert found.parameters == pytest.approx(known.parameters, rel=0.04)
    assert (found.key, found.repo) == ("model", "some/model")


def test_experts_are_most_of_a_mixture() -> None:
    found = from_config(QWEN_235B, "q").experts
    known = find_model("qwen3-235b-a22b").experts
    assert found is not None
    assert known is not None
    assert (found.count, found.per_token) == (known.count, known.per_token)
    assert found.share == pytest.approx(known.share, abs=0.01)


@pytest.mark.parametrize(
    ("quantised", "name", "compute", "size"),
    [
        (None, "BF16", "bf16", 141.1e9),
        ({"quant_method": "fp8"}, "FP8", "fp8", 72.7e9),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "FP8", "fp8", 72.7e9),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, "NVFP4", "fp4", 42.7e9),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "NVFP4", "fp4", 42.7e9),
        ({"quant_method": "awq", "bits": 4}, "AWQ 4 bits", "bf16", 42.7e9),
        ({"quant_method": "of tomorrow"}, "BF16", "bf16", 141.1e9),
    ],
)
def test_weights_by_quantisation(quantised: dict[str, Any] | None, name: str, compute: str, size: float) -> None:
    found = from_config({**LLAMA_70B, "quantization_config": quantised}, "m").weights
    assert (found.format, found.compute) == (name, compute)
    assert found.size == pytest.approx(size, rel=0.005)
    assert "derived" in found.source


def test_the_size_of_the_files_counts() -> None:
    assert from_config(LLAMA_70B, "m", 123e9).weights.size == 123e9


@pytest.mark.parametrize("missing", ["hidden_size", "num_attention_heads", "num_hidden_layers", "vocab_size"])
def test_what_is_missing_is_named(missing: str) -> None:
    config = {key: value for key, value in LLAMA_70B.items() if key != missing}
    with pytest.raises(FleetSettingError, match=f"m: config.json has no usable {missing}"):
        from_config(config, "m")


def test_a_model_without_attention_is_refused() -> None:
    with pytest.raises(FleetSettingError, match="no attention layers"):
        from_config({**LLAMA_70B, "layer_types": ["linear_attention"] * 80}, "m")


@given(
    st.dictionaries(
        st.sampled_from(sorted({*LLAMA_70B, *GLM, *QWEN_235B, "layer_types", "text_config", "quantization_config"})),
        st.none() | st.booleans() | st.integers(-5, 300_000) | st.text(max_size=3) | st.lists(st.text(max_size=3)),
    )
)
def test_nonsense_is_refused_or_makes_a_model(config: dict[str, Any]) -> None:
    try:
        found = from_config({**LLAMA_70B, **config}, "m")
        derive(found, "b200")
    except FleetSettingError:
        return
    assert found.parameters > 0
    assert math.isfinite(found.weights.size)
