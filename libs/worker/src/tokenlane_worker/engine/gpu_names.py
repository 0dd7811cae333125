"""Which GPUs the engine will find, as NVIDIA's driver names them."""

import contextlib
from collections.abc import Mapping
from typing import Any

import pynvml

_NONE_VISIBLE = ("", "-1")
_TROUBLE = (pynvml.NVMLError, OSError, ValueError)


def gpu_names(environment: Mapping[str, str], nvml: Any = pynvml) -> tuple[str, ...]:
    """A name for each GPU; a part of one (MIG) says so in its name. None where there is no driver, or where it does not
    answer: an engine without known GPUs is no error."""
    if environment.get("CUDA_VISIBLE_DEVICES") in _NONE_VISIBLE:
        return ()
    try:
        nvml.nvmlInit()
    except _TROUBLE:
        return ()
    try:
        return tuple(_name(nvml, index) for index in range(nvml.nvmlDeviceGetCount()))
    except _TROUBLE:
        return ()
    finally:
        with contextlib.suppress(*_TROUBLE):
            nvml.nvmlShutdown()


def _name(nvml: Any, index: int) -> str:
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    name = str(nvml.nvmlDeviceGetName(device))
    return f"{name}, MIG" if _is_divided(nvml, device) else name


def _is_divided(nvml: Any, device: object) -> bool:
    """Devices that cannot be divided refuse the question."""
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(device)
    except pynvml.NVMLError:
        return False
    return bool(current)
