"""What is known of the engine that a command starts: the model by its name or its files, the GPUs by the driver."""

from collections.abc import Sequence
from pathlib import Path

from tokenlane_fleet.errors import FleetError
from tokenlane_fleet.hardware import checkpoint
from tokenlane_fleet.hardware.defaults import GPU_MEMORY_UTILIZATION
from tokenlane_fleet.hardware.gpu import Gpu
from tokenlane_fleet.hardware.hardware import Hardware, derive
from tokenlane_fleet.hardware.lookup import find_model, gpu_of_driver
from tokenlane_fleet.hardware.model import Model
from tokenlane_worker.engine.vllm_command import given, names_any

# With these an engine is not the one that data sheets describe, or says elsewhere what it does.
_BEYOND = (
    "--config",
    "--convert",
    "--cpu-offload-gb",
    "--data-parallel-size",
    "-dp",
    "--no-enable-chunked-prefill",
    "--hf-overrides",
    "--performance-mode",
    "--pipeline-parallel-size",
    "-pp",
    "--quantization",
    "-q",
    "--runner",
    "--speculative-config",
    "-sc",
)
_MEMORY_SHARE = ("--gpu-memory-utilization", "--device-memory-utilization")
_KV_DTYPES = {"auto": "bf16", "bfloat16": "bf16", "float16": "bf16"}


class UnknownHardwareError(Exception):
    """The message says what is not known."""


def known_hardware(model: str, arguments: Sequence[str], gpus: Sequence[str]) -> Hardware:
    """`arguments` of `vllm serve`; `gpus` as the driver names them. Raises UnknownHardwareError."""
    gpu = _one_kind(gpus)
    if option := names_any(arguments, _BEYOND):
        raise UnknownHardwareError(f"{option} changes the engine in a way that is not modelled")
    try:
        return derive(
            _model(model),
            gpu,
            given(arguments, int, "--tensor-parallel-size", "-tp") or 1,
            kv_dtype=_kv_dtype(given(arguments, str, "--kv-cache-dtype") or "auto"),
            gpu_memory_utilization=given(arguments, float, *_MEMORY_SHARE) or GPU_MEMORY_UTILIZATION,
            max_model_len=given(arguments, int, "--max-model-len"),
        )
    except (FleetError, OSError, ValueError) as error:
        raise UnknownHardwareError(str(error)) from None


def _one_kind(names: Sequence[str]) -> Gpu:
    if not names:
        raise UnknownHardwareError("no GPU that NVIDIA's driver shows")
    kinds = sorted(set(names))
    gpu = gpu_of_driver(kinds[0])
    if len(kinds) > 1 or gpu is None:
        raise UnknownHardwareError(f"no step times of {' beside '.join(kinds)}")
    return gpu


def _model(name: str) -> Model:
    directory = Path(name)
    if not directory.is_dir():
        return find_model(name)
    index = directory / checkpoint.INDEX
    weights = sum(path.stat().st_size for path in directory.glob(checkpoint.WEIGHTS))
    config = (directory / checkpoint.CONFIG).read_bytes()
    return checkpoint.from_files(name, config, index.read_bytes() if index.is_file() else None, weights)


def _kv_dtype(name: str) -> str:
    return "fp8" if name.startswith("fp8") else _KV_DTYPES.get(name, name)
