"""Llama 3, in the shape of 3.1: a context of 131,072."""

from dataclasses import replace

from tokenlane_fleet.hardware.model import GroupedQuery, Model, Weights

_CARD = "Meta's model card and config.json of Llama 3.1"
_FP8 = "derived: linear layers at 8 bits, embeddings and output layer in BF16"
_NVFP4 = "derived: linear layers at 4.5 bits (one FP8 scale for 16), embeddings and output layer in BF16"

_8B = Model(
    key="llama-3-8b",
    repo="meta-llama/Llama-3.1-8B-Instruct",
    parameters=8.03e9,
    active=8.03e9,
    layers=32,
    hidden=4096,
    intermediate=14_336,
    heads=32,
    head_dim=128,
    vocabulary=128_256,
    context=131_072,
    cache=GroupedQuery(layers=32, heads=8, head_dim=128),
    weights=Weights("BF16", 16.06e9, "derived: 2 bytes a parameter"),
    source=_CARD,
    aliases=("llama-3.1-8b", "meta-llama-3-8b-instruct", "meta-llama-3.1-8b-instruct"),
)
_8B_FP8 = replace(
    _8B,
    key="llama-3-8b-fp8",
    repo="RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8",
    weights=Weights("FP8", 9.08e9, _FP8, "fp8", 0.93),
    aliases=("llama-3.1-8b-fp8", "llama-3.1-8b-instruct-fp8"),
)
_8B_NVFP4 = replace(
    _8B,
    key="llama-3-8b-nvfp4",
    repo="nvidia/Llama-3.1-8B-Instruct-FP4",
    weights=Weights("NVFP4", 6.03e9, _NVFP4, "fp4", 0.93),
    aliases=("llama-3.1-8b-nvfp4",),
)
_70B = Model(
    key="llama-3-70b",
    repo="meta-llama/Llama-3.1-70B-Instruct",
    parameters=70.6e9,
    active=70.6e9,
    layers=80,
    hidden=8192,
    intermediate=28_672,
    heads=64,
    head_dim=128,
    vocabulary=128_256,
    context=131_072,
    cache=GroupedQuery(layers=80, heads=8, head_dim=128),
    weights=Weights("BF16", 141.2e9, "derived: 2 bytes a parameter"),
    source=_CARD,
    aliases=("llama-3.1-70b", "llama-3.3-70b-instruct", "meta-llama-3-70b-instruct", "meta-llama-3.1-70b-instruct"),
)
_70B_FP8 = replace(
    _70B,
    key="llama-3-70b-fp8",
    repo="RedHatAI/Meta-Llama-3.1-70B-Instruct-FP8",
    weights=Weights("FP8", 72.7e9, f"{_FP8}; vLLM loads 67.7 GiB (vllm-project/vllm#12569)", "fp8", 0.98),
    aliases=("llama-3.1-70b-fp8", "llama-3.3-70b-instruct-fp8"),
)
_70B_NVFP4 = replace(
    _70B,
    key="llama-3-70b-nvfp4",
    repo="nvidia/Llama-3.3-70B-Instruct-FP4",
    weights=Weights("NVFP4", 42.7e9, _NVFP4, "fp4", 0.98),
    aliases=("llama-3.3-70b-nvfp4",),
)

ALL = (_8B, _8B_FP8, _8B_NVFP4, _70B, _70B_FP8, _70B_NVFP4)
