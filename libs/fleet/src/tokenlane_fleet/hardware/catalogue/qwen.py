"""Qwen: a mixture of experts (Qwen3-235B-A22B), and a hybrid of linear and full attention (Qwen3.6-27B)."""

from dataclasses import replace

from tokenlane_fleet.hardware.model import Experts, GroupedQuery, LinearState, Model, Weights

_RECIPES = "vllm-project/recipes"
# 94 layers x 128 experts x 3 x 4096 x 1536 of 235.1e9 parameters.
_EXPERT_PARAMETERS = 227.1e9
_FP8_SIZE = 236.4e9
_NVFP4_SIZE = 134e9

_235B = Model(
    key="qwen3-235b-a22b",
    repo="Qwen/Qwen3-235B-A22B",
    parameters=235.1e9,
    active=22.2e9,
    layers=94,
    hidden=4096,
    intermediate=8 * 1536,
    heads=64,
    head_dim=128,
    vocabulary=151_936,
    context=40_960,
    cache=GroupedQuery(layers=94, heads=4, head_dim=128),
    weights=Weights("BF16", 470.2e9, "derived: 2 bytes a parameter"),
    source="config of Qwen3-235B-A22B, as in Ascend/MindSpeed-RL configs/model/qwen3_235b_a22b.yaml",
    experts=Experts(128, 8, _EXPERT_PARAMETERS / 235.1e9),
)
_235B_FP8 = replace(
    _235B,
    key="qwen3-235b-a22b-fp8",
    repo="Qwen/Qwen3-235B-A22B-FP8",
    weights=Weights("FP8", _FP8_SIZE, "derived: linear layers at 8 bits, embeddings in BF16", "fp8", 0.94),
    source=f"{_235B.source}; at most 4 GPUs by {_RECIPES}: blocks of 128 in an expert's 1536",
    experts=Experts(128, 8, _EXPERT_PARAMETERS / _FP8_SIZE),
    most_gpus=4,
)
_2507 = replace(
    _235B,
    key="qwen3-235b-a22b-2507",
    repo="Qwen/Qwen3-235B-A22B-Instruct-2507",
    context=262_144,
    source=f"{_235B.source}; context by {_RECIPES}",
)
_2507_FP8 = replace(
    _235B_FP8,
    key="qwen3-235b-a22b-2507-fp8",
    repo="Qwen/Qwen3-235B-A22B-Instruct-2507-FP8",
    context=262_144,
)
_2507_NVFP4 = replace(
    _2507,
    key="qwen3-235b-a22b-2507-nvfp4",
    repo="nvidia/Qwen3-235B-A22B-Instruct-2507-NVFP4",
    weights=Weights("NVFP4", _NVFP4_SIZE, "derived: linear layers at 4.5 bits, embeddings in BF16", "fp4", 0.94),
    experts=Experts(128, 8, _EXPERT_PARAMETERS * 0.5625 / _NVFP4_SIZE),
)

# Gated DeltaNet in vLLM: a float32 state of 48 heads x 128 x 128, and three BF16 columns of a convolution over 10,240.
_DELTA_NET = LinearState(layers=48, bytes_per_layer=48 * 128 * 128 * 4 + 3 * 10_240 * 2)
_27B = Model(
    key="qwen3.6-27b",
    repo="Qwen/Qwen3.6-27B",
    parameters=27.8e9,
    active=26.9e9,
    layers=64,
    hidden=5120,
    intermediate=17_408,
    heads=24,
    head_dim=256,
    vocabulary=248_320,
    context=262_144,
    cache=GroupedQuery(layers=16, heads=4, head_dim=256),
    weights=Weights("BF16", 55.6e9, "model_weight_gb in the Hub dataset Intel/ld_requests"),
    source=(
        "model cards of OsaurusAI/Qwen3.6-27B-MXFP4 and natfii/Qwen3.6-27B-VLM-Cascade-NVFP4-MTP; MLP width and active "
        "parameters derived: they add up to the 27.3e9 of the first"
    ),
    state=_DELTA_NET,
)
_27B_FP8 = replace(
    _27B,
    key="qwen3.6-27b-fp8",
    repo="Qwen/Qwen3.6-27B-FP8",
    weights=Weights(
        "FP8",
        30.7e9,
        "assumed as Qwen3.8-27B-FP8: 14.28 GiB on each of two GPUs (vllm-project/recipes#810)",
        "fp8",
        0.95,
    ),
)
_27B_NVFP4 = replace(
    _27B,
    key="qwen3.6-27b-nvfp4",
    repo="nvidia/Qwen3.6-27B-NVFP4",
    weights=Weights(
        "NVFP4, FP8",
        22e9,
        f"{_RECIPES} models/Qwen/Qwen3.6-27B.yaml: about 22 GB; MLP in 4 bits computed in BF16, attention in FP8",
        "fp8",
        0.27,
    ),
)

ALL = (_235B, _235B_FP8, _2507, _2507_FP8, _2507_NVFP4, _27B, _27B_FP8, _27B_NVFP4)
