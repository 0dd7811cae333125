"""docs/hardware.md has what the catalogue has."""

from pathlib import Path

from tokenlane_fleet.hardware.lookup import GPUS, MODELS

_PAGE = (Path(__file__).parents[4] / "docs" / "hardware.md").read_text()


def test_every_device_and_model_is_there_with_its_sources() -> None:
    for gpu in GPUS.values():
        assert f"- `{gpu.key}`: {gpu.source}. Price: {gpu.price_source}." in _PAGE
    for model in MODELS.values():
        assert f"- `{model.key}`: {model.source}. Size: {model.weights.source}." in _PAGE
