"""Values of a config.json, whose every key may be missing or of another kind."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokenlane_fleet.errors import FleetSettingError

Config = Mapping[str, Any]


def linear_layers(text: Config) -> int:
    """Layers of linear attention."""
    types = text.get("layer_types")
    if isinstance(types, Sequence):
        return sum(kind == "linear_attention" for kind in types)
    every = optional(text, "full_attention_interval")
    layers = optional(text, "num_hidden_layers")
    return layers - layers // every if every and text.get("linear_num_value_heads") else 0


def dense_layers(text: Config, layers: int) -> int:
    """Layers with one MLP, of a mixture of experts."""
    types = text.get("mlp_layer_types")
    if isinstance(types, Sequence):
        return sum(kind == "dense" for kind in types)
    only = text.get("mlp_only_layers")
    return len(only) if isinstance(only, Sequence) and only else min(layers, optional(text, "first_k_dense_replace"))


def integer(text: Config, name: str, key: str) -> int:
    """Raises FleetSettingError where it is no positive whole number."""
    value = optional(text, key)
    if value < 1:
        raise FleetSettingError(f"{name}: config.json has no usable {key}: {text.get(key)!r}")
    return value


def optional(text: Config, *keys: str) -> int:
    """The first that is a positive whole number, or 0."""
    for key in keys:
        value = text.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return 0
