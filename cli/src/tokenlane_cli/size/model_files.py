"""A model that lies on disk: its config.json, and how large its weights are."""

from pathlib import Path
from typing import Any

import msgspec

from tokenlane_cli.errors import UsageError
from tokenlane_fleet.errors import FleetError
from tokenlane_fleet.hardware.config import from_config
from tokenlane_fleet.hardware.lookup import find_model
from tokenlane_fleet.hardware.model import Model

_INDEX = "model.safetensors.index.json"


def named_model(name: str) -> Model:
    """A directory with a config.json, such a file itself, or the name of a model that is known. Raises UsageError."""
    path = Path(name)
    try:
        if _is_directory(path):
            return _on_disk(path / "config.json", name)
        if path.suffix == ".json":
            return _on_disk(path, str(path.parent) if path.name == "config.json" else name)
        return find_model(name)
    except FleetError as error:
        raise UsageError(str(error)) from None


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _on_disk(config: Path, name: str) -> Model:
    return from_config(_json(config), name, _weight_bytes(config.parent))


def _weight_bytes(directory: Path) -> float | None:
    """Of its safetensors files, or what their index says where they are not all here."""
    index = directory / _INDEX
    if index.is_file():
        total = _json(index).get("metadata", {}).get("total_size")
        if isinstance(total, int | float) and total > 0:
            return float(total)
    return float(sum(path.stat().st_size for path in directory.glob("*.safetensors"))) or None


def _json(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path} is no model's config: {error}") from None
