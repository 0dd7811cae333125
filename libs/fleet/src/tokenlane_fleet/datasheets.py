"""Step costs and KV capacity derived from data sheets, not measured.

The efficiencies and overheads are assumptions in the range that published serving measurements show; they are
constants here so that a measured profile can replace a derived one without touching anything else.
"""

from dataclasses import dataclass

from tokenlane_fleet.cost import StepCost

MEMORY_EFFICIENCY = 0.8
COMPUTE_EFFICIENCY = 0.6
STEP_OVERHEAD_S = 0.002
SEQUENCE_OVERHEAD_S = 10e-6
ALL_REDUCE_S = 15e-6
ALL_REDUCES_PER_LAYER = 2
GPU_MEMORY_UTILIZATION = 0.92
ACTIVATION_BYTES_PER_GPU = 6e9


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator: dense bf16 operations/s, memory bytes/s and memory bytes, as on its data sheet."""

    flops: float
    bandwidth: float
    memory: float


@dataclass(frozen=True, slots=True)
class Model:
    """A decoder's shape; weights and KV cache in 2-byte numbers."""

    parameters: float
    layers: int
    heads: int
    kv_heads: int
    head_dim: int

    @property
    def weight_bytes(self) -> float:
        return 2 * self.parameters

    @property
    def kv_bytes_per_token(self) -> int:
        return 2 * 2 * self.layers * self.kv_heads * self.head_dim


def step_cost(model: Model, device: Device, gpus: int) -> StepCost:
    """The cost of a step with the model split over `gpus` by tensor parallelism."""
    bandwidth = device.bandwidth * gpus * MEMORY_EFFICIENCY
    flops = device.flops * gpus * COMPUTE_EFFICIENCY
    all_reduces = model.layers * ALL_REDUCES_PER_LAYER if gpus > 1 else 0
    return StepCost(
        overhead_s=STEP_OVERHEAD_S + all_reduces * ALL_REDUCE_S,
        weights_s=model.weight_bytes / bandwidth,
        per_token_s=2 * model.parameters / flops,
        per_sequence_s=SEQUENCE_OVERHEAD_S,
        per_context_token_s=model.kv_bytes_per_token / bandwidth,
        per_attention_pair_s=4 * model.layers * model.heads * model.head_dim / flops,
    )


def kv_blocks(model: Model, device: Device, gpus: int, block_size: int) -> int:
    """How many KV blocks fit beside the weights and activations."""
    memory = device.memory * gpus * GPU_MEMORY_UTILIZATION
    left = memory - model.weight_bytes - ACTIVATION_BYTES_PER_GPU * gpus
    return int(left / (model.kv_bytes_per_token * block_size))
