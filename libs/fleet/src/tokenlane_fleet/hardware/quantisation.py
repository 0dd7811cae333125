"""How a checkpoint's weights are stored and computed, by the `quantization_config` of its config.json."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenlane_fleet.hardware.counting import Shape
from tokenlane_fleet.hardware.model import Weights


@dataclass(frozen=True, slots=True)
class Quantisation:
    """`bits` a number of the quantised layers, scales included; `compute`: what the products are computed in."""

    name: str
    bits: float
    compute: str


_BF16 = Quantisation("BF16", 16, "bf16")
_FP8 = Quantisation("FP8", 8, "fp8")
_NVFP4 = Quantisation("NVFP4", 4.5, "fp4")
_MXFP4 = Quantisation("MXFP4", 4.25, "bf16")


def quantisation(config: Any) -> Quantisation:
    """BF16 where there is none, or one that is not known."""
    if not isinstance(config, Mapping):
        return _BF16
    text = json.dumps(config, default=str).lower()
    for mark, found in (("nvfp4", _NVFP4), ("mxfp4", _MXFP4)):
        if mark in text:
            return found
    method = str(config.get("quant_method", "")).lower()
    bits = config.get("bits", config.get("w_bit"))
    if method in ("awq", "gptq", "auto-round", "auto_round") and isinstance(bits, int):
        return Quantisation(f"{method.upper()} {bits} bits", bits + 0.5, "bf16")
    return _FP8 if method == "fp8" or "float-quantized" in text or '"fp8"' in text else _BF16


def weights(shape: Shape, found: Quantisation, size: float | None) -> Weights:
    """`size` of the files, or an estimate: embeddings and output layer in BF16, all else quantised."""
    linear = shape.parameters - shape.embeddings
    share = 1.0 if found.compute == "bf16" else 1 - shape.vocabulary * shape.hidden / max(1, shape.active)
    if size is not None:
        return Weights(found.name, size, "size of the files", found.compute, share)
    estimate = 2 * shape.embeddings + linear * found.bits / 8
    return Weights(found.name, estimate, "derived from config.json", found.compute, share)
