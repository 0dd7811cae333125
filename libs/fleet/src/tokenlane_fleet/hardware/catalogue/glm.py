"""GLM-5.2: latent attention made sparse by an indexer, mixture of experts."""

from dataclasses import replace

from tokenlane_fleet.hardware.model import Experts, Indexer, Latent, Model, Weights

_RECIPE = "vllm-project/recipes models/zai-org/GLM-5.2.yaml"
# 75 layers x 256 experts x 3 x 6144 x 2048.
_EXPERT_PARAMETERS = 724.8e9

_FP8 = Model(
    key="glm-5.2-fp8",
    repo="zai-org/GLM-5.2-FP8",
    parameters=743e9,
    active=39e9,
    layers=78,
    hidden=6144,
    intermediate=9 * 2048,
    heads=64,
    head_dim=256,
    vocabulary=154_880,
    context=1_048_576,
    cache=Latent(layers=78, width=512 + 64, fp8_bytes=656),
    weights=Weights("FP8", 744e9, "derived: 1 byte a parameter (least memory by the recipe: 893 GB)", "fp8", 0.95),
    source=(
        f"{_RECIPE}; shape: GlmMoeDsaConfig of transformers; 21 of 78 layers with an indexer and 656 bytes a vector: "
        "derived from the 54,728 bytes a token, draft layer included, of local-inference-lab/vllm#82"
    ),
    indexer=Indexer(layers=21, heads=32, head_dim=128, top_k=2048),
    experts=Experts(256, 8, _EXPERT_PARAMETERS / 744e9),
    aliases=("glm-5.2",),
)
_NVFP4 = replace(
    _FP8,
    key="glm-5.2-nvfp4",
    repo="nvidia/GLM-5.2-NVFP4",
    weights=Weights("NVFP4, BF16", 465e9, f"{_RECIPE}: about 465 GB, routed experts alone in NVFP4", "fp4", 0.58),
    experts=Experts(256, 8, _EXPERT_PARAMETERS * 0.5625 / 465e9),
    aliases=(),
)

ALL = (_NVFP4, _FP8)
