"""What a GPU's memory goes to, and how much of it is left for the KV cache."""

from dataclasses import dataclass

from tokenlane_fleet.hardware.defaults import BLOCK_SIZE, GPU_MEMORY_UTILIZATION, batch_defaults
from tokenlane_fleet.hardware.gpu import GIB, Gpu
from tokenlane_fleet.hardware.model import Model

# Context, kernels and captured graphs; and what the exchange between GPUs keeps. Fitted to what vLLM printed
# (docs/hardware.md).
RUNTIME_BYTES = 1.75 * GIB
EXCHANGE_BYTES = 1.0 * GIB
ACTIVATION_BYTES = 2
# Logits in float32 and the copies that sampling makes of them.
SAMPLER_BYTES = 12


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """Bytes on each GPU of an engine: `memory` = `spared` + `weights` + `activations` + `runtime` + `kv`; `kv` is
    negative where the model does not fit.

    `kv_per_token` and `state_per_sequence` are what a sequence takes of `kv`, in blocks of `block_size` tokens.
    """

    tensor_parallel: int
    memory: float
    spared: float
    weights: float
    activations: float
    runtime: float
    kv: float
    kv_per_token: int
    state_per_sequence: int
    block_size: int

    @property
    def kv_tokens(self) -> int:
        """In whole blocks, of which vLLM keeps one for itself."""
        blocks = int(self.kv / (self.kv_per_token * self.block_size)) - 1
        return max(0, blocks) * self.block_size

    @property
    def state_tokens(self) -> int:
        """What the state of a sequence takes of `kv_tokens`."""
        return self.state_per_sequence // self.kv_per_token

    def sequences(self, tokens: int) -> int:
        """How many sequences of so many tokens are held at a time."""
        blocks = -(-tokens // self.block_size) + self.state_tokens // self.block_size
        return self.kv_tokens // self.block_size // max(1, blocks)

    def longest(self) -> int:
        """Tokens of the longest sequence that is held."""
        return max(0, self.kv_tokens - self.state_tokens)


def memory_budget(
    model: Model,
    gpu: Gpu,
    tensor_parallel: int,
    *,
    kv_dtype: str = "bf16",
    gpu_memory_utilization: float = GPU_MEMORY_UTILIZATION,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
) -> MemoryBudget:
    """Of one engine. Without them the limits of the batch are vLLM's defaults: they decide the activations."""
    default_seqs, default_tokens = batch_defaults(gpu)
    spared = gpu.memory * (1 - gpu_memory_utilization)
    weights = model.weights.size / tensor_parallel
    activations = _activations(
        model, tensor_parallel, max_num_seqs or default_seqs, max_num_batched_tokens or default_tokens
    )
    runtime = RUNTIME_BYTES + (EXCHANGE_BYTES if tensor_parallel > 1 else 0)
    per_token = _bytes_per_token(model, tensor_parallel, kv_dtype)
    block_size = _block_size(model, tensor_parallel, kv_dtype)
    return MemoryBudget(
        tensor_parallel=tensor_parallel,
        memory=gpu.memory,
        spared=spared,
        weights=weights,
        activations=activations,
        runtime=runtime,
        kv=gpu.memory - spared - weights - activations - runtime,
        kv_per_token=per_token,
        state_per_sequence=_state_blocks(model) * block_size * per_token,
        block_size=block_size,
    )


def _activations(model: Model, tensor_parallel: int, sequences: int, tokens: int) -> float:
    """The peak of the largest step: a few residual vectors, the MLP's projections, a mixture's inputs and outputs
    sorted by expert, and the sampler's view of the vocabulary."""
    widths = 4 * model.hidden + 3 * model.intermediate / tensor_parallel
    if model.experts is not None:
        widths += 2 * model.experts.per_token * model.hidden
    return tokens * widths * ACTIVATION_BYTES + min(sequences, tokens) * model.vocabulary * SAMPLER_BYTES


def _bytes_per_token(model: Model, tensor_parallel: int, dtype: str) -> int:
    index = model.indexer.bytes_per_token if model.indexer else 0
    return model.cache.bytes_per_token(tensor_parallel, dtype) + index


def _block_size(model: Model, tensor_parallel: int, dtype: str) -> int:
    """vLLM's block; of a hybrid model, as many tokens as make a layer's block as large as a state, in steps of 16."""
    if model.state is None:
        return BLOCK_SIZE
    state = model.state.bytes_per_layer / tensor_parallel
    layer = model.cache.bytes_per_token(tensor_parallel, dtype) / model.cache.layers
    return BLOCK_SIZE * max(1, -int(-state // (layer * BLOCK_SIZE)))


def _state_blocks(model: Model) -> int:
    """Each group of as many linear-attention layers as there are full-attention ones takes a block of a sequence."""
    return -(-model.state.layers // model.cache.layers) if model.state else 0
