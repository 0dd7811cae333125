"""Results of a long study in a JSON file, so that one that was stopped goes on where it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Cache:
    """Results by key, written after each. Without a path they live in memory alone."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, Any] = json.loads(path.read_text()) if path and path.exists() else {}

    def get(self, key: str, compute: Callable[[], Any]) -> Any:
        """The result of that key, computed where it is not known. It must survive JSON."""
        if key not in self._known:
            self._known[key] = compute()
            self._save()
        return self._known[key]

    def _save(self) -> None:
        if self._path:
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(self._known, indent=1))
            part.replace(self._path)
