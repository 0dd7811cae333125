"""What the driver says of GPUs, and that its absence is no error."""

from dataclasses import dataclass

import pynvml
import pytest

from tokenlane_worker.engine.gpu_names import gpu_names


@dataclass
class Driver:
    """NVML with these boards; `divided` of them are in MIG mode, None: cannot be. `fails` at the call so named."""

    names: tuple[str, ...] = ("NVIDIA H100 80GB HBM3",)
    divided: bool | None = False
    fails: str = ""
    open: int = 0

    def _called(self, name: str) -> None:
        if name == self.fails:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)

    def nvmlInit(self) -> None:
        self._called("nvmlInit")
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1
        self._called("nvmlShutdown")

    def nvmlDeviceGetCount(self) -> int:
        self._called("nvmlDeviceGetCount")
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, device: int) -> str:
        self._called("nvmlDeviceGetName")
        return self.names[device]

    def nvmlDeviceGetMigMode(self, device: int) -> tuple[int, int]:
        if self.divided is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return int(self.divided), int(self.divided)


def test_every_board_is_named() -> None:
    driver = Driver(("NVIDIA L4", "NVIDIA H200"), divided=None)
    assert gpu_names({}, driver) == ("NVIDIA L4", "NVIDIA H200")
    assert driver.open == 0


def test_a_part_of_a_board_is_another_device() -> None:
    assert gpu_names({"CUDA_VISIBLE_DEVICES": "0"}, Driver(divided=True)) == ("NVIDIA H100 80GB HBM3, MIG",)


@pytest.mark.parametrize("visible", ["", "-1"])
def test_boards_that_the_engine_may_not_use_are_none(visible: str) -> None:
    assert gpu_names({"CUDA_VISIBLE_DEVICES": visible}, Driver()) == ()


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetName"])
def test_a_driver_that_fails_has_no_boards(call: str) -> None:
    driver = Driver(fails=call)
    assert gpu_names({}, driver) == ()
    assert driver.open == 0


def test_a_driver_that_fails_at_the_end_has_said_enough() -> None:
    assert gpu_names({}, Driver(fails="nvmlShutdown")) == ("NVIDIA H100 80GB HBM3",)


def test_this_machine_has_boards_or_none() -> None:
    assert all(gpu_names({}))
