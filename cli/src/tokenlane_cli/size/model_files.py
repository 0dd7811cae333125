"""A model that lies on disk: its config.json, and how large its weights are."""

from pathlib import Path

from tokenlane_cli.errors import UsageError
from tokenlane_fleet.errors import FleetError
from tokenlane_fleet.hardware import checkpoint
from tokenlane_fleet.hardware.lookup import find_model
from tokenlane_fleet.hardware.model import Model


def named_model(name: str) -> Model:
    """A directory with a config.json, such a file itself, or the name of a model that is known. Raises UsageError."""
    path = Path(name)
    try:
        if _is_directory(path):
            return _on_disk(path / checkpoint.CONFIG, name)
        if path.suffix == ".json":
            return _on_disk(path, str(path.parent) if path.name == checkpoint.CONFIG else name)
        return find_model(name)
    except FleetError as error:
        raise UsageError(str(error)) from None


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _on_disk(config: Path, name: str) -> Model:
    index = config.parent / checkpoint.INDEX
    weights = sum(path.stat().st_size for path in config.parent.glob(checkpoint.WEIGHTS))
    return checkpoint.from_files(name, _read(config), _read(index) if index.is_file() else None, weights)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
