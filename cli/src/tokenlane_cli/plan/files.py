"""Result files: refused before the long computation begins, replaced at once when it is done."""

import os
import tempfile
from pathlib import Path

from tokenlane_cli.errors import UsageError


def check_file(flag: str, path: Path | None) -> None:
    """Raise UsageError if `path` could not be written. Leaves nothing behind."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"cannot write {flag} {path}: it is a directory")
    if path.is_file() and not os.access(path, os.W_OK):
        raise UsageError(f"cannot write {flag} {path}: Permission denied")
    _try(flag, path, path.resolve().parent)


def check_directory(flag: str, path: Path | None) -> None:
    """Create the directory. Raise UsageError if no file could be written there."""
    if path is None:
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {flag} {path}: {error.strerror}") from None
    _try(flag, path, path)


def write(flag: str, path: Path, content: bytes) -> None:
    """Replace the file at once: a reader sees the old one or the new one. A pipe is written into. Raises UsageError."""
    target = path.resolve()
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)
            return
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"cannot write {flag} {path}: {error.strerror}") from None


def _try(flag: str, path: Path, folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"cannot write {flag} {path}: {error.strerror}") from None
