"""One engine: a model on the GPUs that hold it, and what a simulation or a plan needs to know of it."""

from dataclasses import dataclass

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.hardware.defaults import GPU_MEMORY_UTILIZATION, batch_defaults
from tokenlane_fleet.hardware.fit import check_fits, fewest_gpus
from tokenlane_fleet.hardware.gpu import Gpu
from tokenlane_fleet.hardware.lookup import find_gpu, find_model
from tokenlane_fleet.hardware.memory import MemoryBudget, memory_budget
from tokenlane_fleet.hardware.model import ELEMENT_BYTES, Model
from tokenlane_fleet.hardware.step_time import BUSY_STEP_TOKENS, step_cost
from tokenlane_fleet.hardware.step_time import linear as as_linear
from tokenlane_fleet.limits import SchedulerLimits


@dataclass(frozen=True, slots=True)
class Hardware:
    """`kv_tokens` are usable ones, the reserved block apart; a sequence of any length takes `state_tokens` of them
    beside its own (linear attention). `step_time` says where `cost` is from. `repo`, `kv_dtype` and
    `gpu_memory_utilization` are for the engine's flags."""

    model: str
    gpu: str
    tensor_parallel: int
    cost: StepCost
    kv_tokens: int
    block_size: int
    max_model_len: int
    default_max_num_seqs: int
    default_max_num_batched_tokens: int
    price_per_gpu_hour: float
    step_time: str
    state_tokens: int = 0
    repo: str = ""
    kv_dtype: str = "bf16"
    gpu_memory_utilization: float = GPU_MEMORY_UTILIZATION

    def limits(
        self,
        max_model_len: int,
        max_num_seqs: int,
        max_num_batched_tokens: int,
        long_prefill_token_threshold: int = 0,
    ) -> SchedulerLimits:
        """An engine on this hardware. The states of `max_num_seqs` sequences are set aside, as far as a sequence of
        `max_model_len` and half of the memory remain. Raises LimitsError where it could not start."""
        blocks = self.kv_tokens // self.block_size
        least = min(blocks, max(-(-max_model_len // self.block_size), blocks // 2))
        free = (self.kv_tokens - self.state_tokens * max_num_seqs) // self.block_size
        return SchedulerLimits(
            num_blocks=max(free, least) + 1,
            block_size=self.block_size,
            max_num_seqs=max_num_seqs,
            max_num_batched_tokens=max_num_batched_tokens,
            max_model_len=max_model_len,
            long_prefill_token_threshold=long_prefill_token_threshold,
        )


def derive(
    model: str | Model,
    gpu: str | Gpu,
    tensor_parallel: int | None = None,
    *,
    linear: bool = False,
    kv_dtype: str = "bf16",
    gpu_memory_utilization: float = GPU_MEMORY_UTILIZATION,
    max_model_len: int | None = None,
    price_per_gpu_hour: float | None = None,
    step_tokens: float = BUSY_STEP_TOKENS,
) -> Hardware:
    """An engine by data sheets: see `memory_budget` and `step_cost`.

    `max_model_len` (None: the model's context) is cut to what the KV cache holds. Without `tensor_parallel`: the fewest
    of 1, 2, 4, 8 GPUs that hold it uncut, the most where none do. Raises UnknownProfileError, and FleetSettingError
    where the model does not fit or a setting is no possible one.
    """
    shape = find_model(model) if isinstance(model, str) else model
    device = find_gpu(gpu) if isinstance(gpu, str) else gpu
    memory = budget_of(
        shape,
        device,
        tensor_parallel,
        kv_dtype=kv_dtype,
        gpu_memory_utilization=gpu_memory_utilization,
        max_model_len=max_model_len,
    )
    cost = step_cost(shape, device, memory.tensor_parallel, kv_dtype=kv_dtype, step_tokens=step_tokens)
    max_num_seqs, max_num_batched_tokens = batch_defaults(device)
    return Hardware(
        model=shape.key,
        gpu=device.key,
        tensor_parallel=memory.tensor_parallel,
        cost=as_linear(cost) if linear else cost,
        kv_tokens=memory.kv_tokens,
        block_size=memory.block_size,
        max_model_len=min(max_model_len or shape.context, memory.longest()),
        default_max_num_seqs=max_num_seqs,
        default_max_num_batched_tokens=max_num_batched_tokens,
        price_per_gpu_hour=device.price_per_hour if price_per_gpu_hour is None else price_per_gpu_hour,
        step_time=f"data sheet, {'linear' if linear else 'roofline'}",
        state_tokens=memory.state_tokens,
        repo=shape.repo,
        kv_dtype=kv_dtype,
        gpu_memory_utilization=gpu_memory_utilization,
    )


def budget_of(
    model: Model,
    gpu: Gpu,
    tensor_parallel: int | None = None,
    *,
    kv_dtype: str = "bf16",
    gpu_memory_utilization: float = GPU_MEMORY_UTILIZATION,
    max_model_len: int | None = None,
) -> MemoryBudget:
    """The memory behind `derive`, with the same arguments and errors."""
    if kv_dtype not in ELEMENT_BYTES:
        raise FleetSettingError(f"kv_dtype must be one of {', '.join(ELEMENT_BYTES)}, got {kv_dtype!r}")
    if not 0 < gpu_memory_utilization <= 1:
        raise FleetSettingError(f"gpu_memory_utilization must be in (0, 1], got {gpu_memory_utilization:g}")
    length = max_model_len or model.context
    if not 0 < length <= model.context:
        raise FleetSettingError(f"max_model_len must be from 1 to {model.context:,} for {model.key}, got {length:,}")

    def budget(gpus: int) -> MemoryBudget:
        return memory_budget(model, gpu, gpus, kv_dtype=kv_dtype, gpu_memory_utilization=gpu_memory_utilization)

    if tensor_parallel is None:
        tensor_parallel = fewest_gpus(model, gpu, budget, length)
    return check_fits(model, gpu, budget, tensor_parallel, length)


def engine_flags(hardware: Hardware, limits: SchedulerLimits) -> tuple[str, ...]:
    """Arguments of `vllm serve` after the model, each flag and each value on its own. Besides the limits of the batch
    they hold what is not vLLM's default."""
    flags = ["--tensor-parallel-size", str(hardware.tensor_parallel)] if hardware.tensor_parallel > 1 else []
    flags += ["--max-model-len", str(limits.max_model_len)]
    flags += ["--max-num-seqs", str(limits.max_num_seqs)]
    flags += ["--max-num-batched-tokens", str(limits.max_num_batched_tokens)]
    if limits.long_prefill_token_threshold:
        flags += ["--long-prefill-token-threshold", str(limits.long_prefill_token_threshold)]
    if hardware.kv_dtype != "bf16":
        flags += ["--kv-cache-dtype", hardware.kv_dtype]
    if hardware.gpu_memory_utilization != GPU_MEMORY_UTILIZATION:
        flags += ["--gpu-memory-utilization", f"{hardware.gpu_memory_utilization:g}"]
    return tuple(flags)
