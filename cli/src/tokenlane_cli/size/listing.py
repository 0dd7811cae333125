"""The devices and models that are known, as tables and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tokenlane_cli.figures import UNKNOWN
from tokenlane_fleet.hardware.gpu import GIB
from tokenlane_fleet.hardware.lookup import GPUS, MODELS


def known() -> dict[str, Any]:
    return {
        "models": [asdict(model) for model in MODELS.values()],
        "gpus": [asdict(gpu) for gpu in GPUS.values()],
    }


def known_lines() -> Iterator[RenderableType]:
    yield _models()
    yield _gpus()
    yield Text("--model also takes a directory with a config.json; --json shows where each number is from.")


def _models() -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True)
    table.add_column("model", no_wrap=True)
    for name in ("parameters", "active", "weights", "GB", "context"):
        table.add_column(name, justify="right", no_wrap=True)
    for model in MODELS.values():
        table.add_row(
            model.key,
            _billions(model.parameters),
            _billions(model.active) if model.experts else "",
            model.weights.format,
            f"{model.weights.size / 1e9:.1f}",
            f"{model.context // 1024:,}K",
        )
    return table


def _gpus() -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True)
    table.add_column("GPU", no_wrap=True)
    for name in ("GiB", "TB/s", "BF16", "FP8", "FP4", "$/hour"):
        table.add_column(name, justify="right", no_wrap=True)
    for gpu in GPUS.values():
        table.add_row(
            gpu.key,
            f"{gpu.memory / GIB:.1f}",
            f"{gpu.bandwidth / 1e12:.2f}",
            *(_tera(rate) for rate in (gpu.bf16, gpu.fp8, gpu.fp4)),
            f"{gpu.price_per_hour:.2f}",
        )
    return table


def _billions(parameters: float) -> str:
    return f"{parameters / 1e9:.3g} B"


def _tera(operations: float | None) -> str:
    return UNKNOWN if operations is None else f"{operations / 1e12:,.0f}"
