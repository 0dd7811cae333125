"""A model from the files of its checkpoint, which somebody else has read."""

import json
from typing import Any

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.hardware.config import from_config
from tokenlane_fleet.hardware.model import Model

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
WEIGHTS = "*.safetensors"


def from_files(name: str, config: bytes, index: bytes | None, weight_bytes: int) -> Model:
    """`config`, `index`: what those files hold, the second where there is one; it says how large the weights are even
    where they are not all here. `weight_bytes`: of the weights' files, 0 where there are none. Raises
    FleetSettingError.
    """
    size = _promised(_parsed(INDEX, index)) if index is not None else float(weight_bytes)
    return from_config(_parsed(CONFIG, config), name, size or float(weight_bytes) or None)


def _promised(index: dict[str, Any]) -> float:
    metadata = index.get("metadata")
    size = metadata.get("total_size") if isinstance(metadata, dict) else None
    return float(size) if isinstance(size, int | float) and size > 0 else 0.0


def _parsed(file: str, text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise FleetSettingError(f"{file} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise FleetSettingError(f"{file} holds no object")
    return found
