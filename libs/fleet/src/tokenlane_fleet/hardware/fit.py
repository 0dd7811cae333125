"""How many GPUs a model needs, and what to say where they are too few."""

from collections.abc import Callable

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.hardware.gpu import GIB, Gpu
from tokenlane_fleet.hardware.memory import MemoryBudget
from tokenlane_fleet.hardware.model import Model

TENSOR_PARALLEL = (1, 2, 4, 8)

Budget = Callable[[int], MemoryBudget]


def fewest_gpus(model: Model, gpu: Gpu, budget: Budget, length: int) -> int:
    """The fewest whose KV cache holds a sequence of `length`; where none does, the most, if that holds anything.

    Raises FleetSettingError.
    """
    sizes = [gpus for gpus in TENSOR_PARALLEL if model.splits_over(gpus)]
    enough = [gpus for gpus in sizes if budget(gpus).longest() >= length]
    if enough:
        return enough[0]
    check_fits(model, gpu, budget, sizes[-1], length)
    return sizes[-1]


def check_fits(model: Model, gpu: Gpu, budget: Budget, gpus: int, length: int) -> MemoryBudget:
    """The budget with so many GPUs. Raises FleetSettingError where not one block of KV is left, or they do not divide
    the model."""
    if gpus < 1 or not model.splits_over(gpus):
        possible = ", ".join(str(size) for size in TENSOR_PARALLEL if model.splits_over(size))
        raise FleetSettingError(f"{model.key} cannot be split over {gpus} GPUs; possible: {possible}")
    memory = budget(gpus)
    if memory.longest() >= memory.block_size:
        return memory
    missing = memory.block_size * memory.kv_per_token + memory.state_per_sequence - memory.kv
    raise FleetSettingError(
        f"{model.key} ({model.weights.format}) does not fit on {gpus} x {gpu.key}: "
        f"{max(missing, 0.05 * GIB) / GIB:.1f} GiB too little on each GPU; {_advice(model, budget, length)}"
    )


def _advice(model: Model, budget: Budget, length: int) -> str:
    sizes = [gpus for gpus in TENSOR_PARALLEL if model.splits_over(gpus)]
    whole = [gpus for gpus in sizes if budget(gpus).longest() >= length]
    if whole:
        return f"tensor parallelism {whole[0]} holds it with {length:,} tokens"
    some = [gpus for gpus in sizes if budget(gpus).longest() >= budget(gpus).block_size]
    if some:
        return f"tensor parallelism {some[-1]} holds it with at most {budget(some[-1]).longest():,} tokens"
    return f"no tensor parallelism up to {sizes[-1]} holds it"
