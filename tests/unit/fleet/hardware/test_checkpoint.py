"""A model from what its files hold."""

import json

import pytest

from tests.unit.fleet.hardware.configs import LLAMA_70B
from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.hardware.checkpoint import from_files

CONFIG = json.dumps(LLAMA_70B).encode()


@pytest.mark.parametrize(
    ("index", "files", "size"),
    [
        (None, 1000, 1000),
        (b'{"metadata": {"total_size": 8e9}}', 1000, 8e9),
        (b'{"metadata": {"total_size": 0}}', 1000, 1000),
        (b'{"metadata": {"total_size": -1}}', 1000, 1000),
        (b'{"metadata": {"total_size": "large"}}', 1000, 1000),
        (b'{"metadata": 8}', 1000, 1000),
        (b"{}", 1000, 1000),
    ],
)
def test_the_index_or_the_files_say_how_large_it_is(index: bytes | None, files: int, size: float) -> None:
    assert from_files("models/mine", CONFIG, index, files).weights.size == size


def test_without_weights_the_size_is_estimated() -> None:
    found = from_files("models/mine", CONFIG, None, 0)
    assert found.key == "mine"
    assert found.weights.size == pytest.approx(2 * found.parameters)


@pytest.mark.parametrize("config", [b"", b"[]", b"{", b"{}", b"\xff", b'{"hidden_size": "large"}'])
def test_a_config_that_is_none_is_refused(config: bytes) -> None:
    with pytest.raises(FleetSettingError, match=r"config\.json"):
        from_files("mine", config, None, 0)


def test_an_index_that_is_none_is_refused() -> None:
    with pytest.raises(FleetSettingError, match="index"):
        from_files("mine", CONFIG, b"[", 0)
