"""A model from its config.json, for those that the catalogue does not have."""

from collections.abc import Mapping, Sequence

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.hardware.config_values import Config, dense_layers, integer, linear_layers, optional
from tokenlane_fleet.hardware.counting import Shape
from tokenlane_fleet.hardware.model import Experts, GroupedQuery, Indexer, Latent, LinearState, Model
from tokenlane_fleet.hardware.quantisation import Quantisation, quantisation, weights


def from_config(config: Config, name: str, weight_bytes: float | None = None) -> Model:
    """`config`: the parsed file. `name`: what the engine is to load. `weight_bytes`: of the checkpoint; None: estimated
    from the parameters and the quantisation.

    A sliding window counts as full attention, which never holds more than promised. Raises FleetSettingError naming
    what is missing.
    """
    text = config.get("text_config") or config
    if not isinstance(text, Mapping):
        raise FleetSettingError(f"{name}: text_config is no object")
    shape = _shape(text, name)
    if shape.full_layers < 1 or shape.head_dim < 1:
        raise FleetSettingError(f"{name}: no attention layers that keep keys and values: their memory is not known")
    found = quantisation(config.get("quantization_config") or text.get("quantization_config"))
    size = weights(shape, found, weight_bytes)
    return Model(
        key=name.rstrip("/").rpartition("/")[2] or name,
        repo=name,
        parameters=shape.parameters,
        active=shape.active,
        layers=shape.full_layers + shape.linear_layers,
        hidden=shape.hidden,
        intermediate=_used_width(shape),
        heads=shape.heads,
        head_dim=shape.head_dim,
        vocabulary=shape.vocabulary,
        context=integer(text, name, "max_position_embeddings"),
        cache=_cache(shape, optional(text, "index_topk") > 0),
        weights=size,
        source="config.json",
        indexer=_indexer(text, shape),
        state=_state(text, shape),
        experts=_experts(shape, found, size.size),
    )


def _shape(text: Config, name: str) -> Shape:
    hidden, heads = integer(text, name, "hidden_size"), integer(text, name, "num_attention_heads")
    layers = integer(text, name, "num_hidden_layers")
    experts = optional(text, "num_experts", "n_routed_experts", "num_local_experts")
    linear = linear_layers(text)
    dense = dense_layers(text, layers) if experts else layers
    expert_width = optional(text, "moe_intermediate_size") or optional(text, "intermediate_size")
    shared = optional(text, "shared_expert_intermediate_size")
    return Shape(
        hidden=hidden,
        heads=heads,
        kv_heads=optional(text, "num_key_value_heads") or heads,
        head_dim=optional(text, "v_head_dim") or optional(text, "head_dim") or hidden // heads,
        vocabulary=integer(text, name, "vocab_size"),
        tied=bool(text.get("tie_word_embeddings", False)),
        full_layers=layers - linear,
        linear_layers=linear,
        dense_layers=dense,
        expert_layers=layers - dense,
        intermediate=optional(text, "intermediate_size")
        or (0 if experts else integer(text, name, "intermediate_size")),
        experts=experts,
        experts_per_token=min(experts, optional(text, "num_experts_per_tok", "experts_per_token") or 1),
        expert_intermediate=expert_width if experts else 0,
        shared_intermediate=shared or optional(text, "n_shared_experts") * expert_width,
        gated_attention=bool(text.get("attn_output_gate", False)),
        q_rank=optional(text, "q_lora_rank"),
        kv_rank=optional(text, "kv_lora_rank"),
        rope_dim=optional(text, "qk_rope_head_dim"),
        nope_dim=optional(text, "qk_nope_head_dim"),
        value_dim=optional(text, "v_head_dim"),
        linear_key=optional(text, "linear_num_key_heads") * optional(text, "linear_key_head_dim"),
        linear_value=optional(text, "linear_num_value_heads") * optional(text, "linear_value_head_dim"),
    )


def _cache(shape: Shape, sparse: bool) -> GroupedQuery | Latent:
    """Sparse attention's FP8 vector keeps a 4-byte scale for 128 numbers, and its rotary part in BF16 (fp8_ds_mla)."""
    if not shape.kv_rank:
        return GroupedQuery(shape.full_layers, shape.kv_heads, shape.head_dim)
    width = shape.kv_rank + shape.rope_dim
    return Latent(
        shape.full_layers, width, shape.kv_rank + shape.kv_rank // 32 + 2 * shape.rope_dim if sparse else width
    )


def _indexer(text: Config, shape: Shape) -> Indexer | None:
    top_k = optional(text, "index_topk")
    if not top_k or not shape.kv_rank:
        return None
    types = text.get("indexer_types")
    layers = types.count("full") if isinstance(types, Sequence) else _every(text, shape.full_layers)
    return Indexer(layers, optional(text, "index_n_heads"), optional(text, "index_head_dim"), top_k)


def _every(text: Config, layers: int) -> int:
    """Layers with an indexer of their own: each `index_topk_freq`-th after the first ones, as transformers has it."""
    each, offset = optional(text, "index_topk_freq") or 1, optional(text, "index_skip_topk_offset") or 2
    return sum(max(layer - offset + 1, 0) % each == 0 for layer in range(layers))


def _state(text: Config, shape: Shape) -> LinearState | None:
    """Of a gated delta net: a matrix a value head, in float32 unless it says otherwise, and a convolution's window."""
    if not shape.linear_layers or not shape.linear_value:
        return None
    element = 2 if text.get("mamba_ssm_dtype") in ("bfloat16", "float16") else 4
    matrix = shape.linear_value * optional(text, "linear_key_head_dim") * element
    window = (optional(text, "linear_conv_kernel_dim") or 4) - 1
    return LinearState(shape.linear_layers, matrix + 2 * window * (2 * shape.linear_key + shape.linear_value))


def _experts(shape: Shape, found: Quantisation, size: float) -> Experts | None:
    if not shape.experts:
        return None
    share = min(0.99, shape.routed * found.bits / 8 / size)
    return Experts(shape.experts, shape.experts_per_token, share)


def _used_width(shape: Shape) -> int:
    if not shape.experts:
        return shape.intermediate
    return shape.experts_per_token * shape.expert_intermediate + shape.shared_intermediate
