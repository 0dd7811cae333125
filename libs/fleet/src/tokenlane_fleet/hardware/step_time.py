"""Step costs from data sheets, not measured.

Efficiencies and overheads are assumptions in the range that published serving measurements show: constants here, so
that a measured profile can replace a derived one without touching anything else.
"""

from dataclasses import replace

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.hardware.gpu import Gpu
from tokenlane_fleet.hardware.model import Latent, Model

MEMORY_EFFICIENCY = 0.8
COMPUTE_EFFICIENCY = 0.6
STEP_OVERHEAD_S = 0.002
SEQUENCE_OVERHEAD_S = 10e-6
ALL_REDUCES_PER_LAYER = 2
ACTIVATION_BYTES = 2
# A step of a busy engine reads nearly every expert: 98 % of them with 8 of 128 a token.
BUSY_STEP_TOKENS = 64


def step_cost(
    model: Model, gpu: Gpu, tensor_parallel: int, *, kv_dtype: str = "bf16", step_tokens: float = BUSY_STEP_TOKENS
) -> StepCost:
    """The roofline of a step with the model split over `tensor_parallel` GPUs.

    `step_tokens`: how many tokens a step is taken to have where that decides which experts are read. A step with fewer
    is faster than this cost says.
    """
    bandwidth = gpu.bandwidth * MEMORY_EFFICIENCY
    exchange_s = _exchange_s(model, gpu, tensor_parallel)
    all_reduces = model.layers * ALL_REDUCES_PER_LAYER if tensor_parallel > 1 else 0
    return StepCost(
        overhead_s=STEP_OVERHEAD_S + all_reduces * gpu.interconnect.all_reduce_s,
        weights_s=_bytes_read(model, step_tokens) / tensor_parallel / bandwidth,
        per_token_s=_token_s(model, gpu) / tensor_parallel + exchange_s,
        per_sequence_s=SEQUENCE_OVERHEAD_S + exchange_s + _sequence_bytes(model, tensor_parallel, kv_dtype) / bandwidth,
        per_context_token_s=_context_bytes(model, tensor_parallel, kv_dtype) / bandwidth,
        per_attention_pair_s=_pair_s(model, gpu, tensor_parallel),
    )


def linear(cost: StepCost) -> StepCost:
    """Without the roofline's maximum: weights are read and products computed one after the other."""
    return replace(cost, overhead_s=cost.overhead_s + cost.weights_s, weights_s=0.0)


def _bytes_read(model: Model, tokens: float) -> float:
    if model.experts is None:
        return model.weights.size
    return model.weights.size * (1 - model.experts.share * (1 - model.experts.touched(tokens)))


def _token_s(model: Model, gpu: Gpu) -> float:
    """Of the products with weights, and of sparse attention, which sees as many tokens whatever the context; alone."""
    low = model.weights.low_share
    products = 2 * model.active * (low / gpu.operations(model.weights.compute) + (1 - low) / gpu.bf16)
    chosen = model.indexer.top_k * _attention_operations(model) / gpu.bf16 if model.indexer else 0.0
    return (products + chosen) / COMPUTE_EFFICIENCY


def _attention_operations(model: Model) -> float:
    """Of one query with one key, in all layers that keep keys. Latent attention multiplies with the latent itself."""
    if isinstance(model.cache, Latent) and model.indexer:
        return 4.0 * model.cache.layers * model.heads * model.cache.width
    return 4.0 * model.cache.layers * model.heads * model.head_dim


def _pair_s(model: Model, gpu: Gpu, tensor_parallel: int) -> float:
    """With an indexer it alone sees every pair; it works in FP8, and each GPU does all of it."""
    if model.indexer is None:
        return _attention_operations(model) / tensor_parallel / gpu.bf16 / COMPUTE_EFFICIENCY
    indexer = model.indexer
    return 2.0 * indexer.layers * indexer.heads * indexer.head_dim / gpu.operations("fp8") / COMPUTE_EFFICIENCY


def _context_bytes(model: Model, tensor_parallel: int, dtype: str) -> float:
    if model.indexer is not None:
        return model.indexer.bytes_per_token
    return model.cache.bytes_per_token(tensor_parallel, dtype)


def _sequence_bytes(model: Model, tensor_parallel: int, dtype: str) -> float:
    """What a sequence moves in each step whatever its length: its state, in and out, and the tokens chosen of it."""
    state = 2 * model.state.layers * model.state.bytes_per_layer / tensor_parallel if model.state else 0.0
    chosen = model.indexer.top_k * model.cache.bytes_per_token(tensor_parallel, dtype) if model.indexer else 0
    return state + chosen


def _exchange_s(model: Model, gpu: Gpu, tensor_parallel: int) -> float:
    """Moving one token's activations in the all-reduces of a step. It is counted a token, beside the arithmetic, and
    again a sequence: what a decoding sequence adds to a step that is bound by reading weights."""
    volume = model.layers * ALL_REDUCES_PER_LAYER * model.hidden * ACTIVATION_BYTES
    return volume * 2 * (tensor_parallel - 1) / tensor_parallel / gpu.interconnect.bus_bytes_per_s
