"""An accelerator, as its data sheet has it."""

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Interconnect:
    """Between the GPUs of one engine. `all_reduce_s`: least time of an all-reduce. `bus_bytes_per_s`: what a large one
    moves, as nccl-tests counts it: bytes * 2 (n - 1) / n a second. Both are assumptions."""

    name: str
    all_reduce_s: float
    bus_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Gpu:
    """Bytes, bytes/s and dense operations/s (without sparsity).

    `memory` is what a program sees, which is less than the sheet promises. `fp8` and `fp4` are None where the device
    computes in neither. `price_per_hour` is an assumption to be overridden. `source` and `price_source` say where the
    numbers are from. `driver_names`: what NVIDIA's driver calls it (nvmlDeviceGetName); boards of the same family with
    other memory or clocks are other devices.
    """

    key: str
    name: str
    memory: float
    bandwidth: float
    bf16: float
    fp8: float | None
    fp4: float | None
    interconnect: Interconnect
    price_per_hour: float
    source: str
    price_source: str
    aliases: tuple[str, ...] = ()
    driver_names: tuple[str, ...] = ()

    def operations(self, dtype: str) -> float:
        """A second, in `dtype`; in bf16 where the device lacks it, and weights are widened as they are read."""
        return {"fp8": self.fp8, "fp4": self.fp4}.get(dtype) or self.bf16
