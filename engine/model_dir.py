"""Write a model directory so that it appears whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_once(target: Path, write: Callable[[Path], None]) -> None:
    """Call `write` on a temporary neighbour of `target`, then rename; nothing is done if `target` is there."""
    if target.exists():
        print(f"model is there: {target}")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    partial.chmod(0o755)
    try:
        write(partial)
        for file in partial.iterdir():
            file.chmod(0o644)
        os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(f"model written: {target}")
