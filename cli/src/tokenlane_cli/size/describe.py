"""What a person must know to read the figures right."""

from collections.abc import Iterator

from tokenlane_fleet.hardware.gpu import Gpu
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.hardware.model import Model


def notes(model: Model, gpu: Gpu, hardware: Hardware, wanted_length: int) -> Iterator[str]:
    """Of an engine by data sheets."""
    yield "Memory and step times follow from data sheets, not measured: `tokenlane calibrate` measures an engine."
    if hardware.max_model_len < wanted_length:
        yield (
            f"The KV cache holds {hardware.max_model_len:,} of {wanted_length:,} tokens of context: "
            "more GPUs, an FP8 KV cache or smaller weights hold more."
        )
    if not _computes(model, gpu):
        low = model.weights.compute.upper()
        yield f"{gpu.name} does not compute in {low}: weights are widened as they are read, products are in BF16."
    if model.state is not None:
        yield (
            f"Each sequence also holds the state of {model.state.layers} linear-attention layers, "
            f"as much as {hardware.state_tokens:,} tokens; blocks have {hardware.block_size:,} tokens."
        )


def _computes(model: Model, gpu: Gpu) -> bool:
    return {"fp8": gpu.fp8, "fp4": gpu.fp4}.get(model.weights.compute, gpu.bf16) is not None
