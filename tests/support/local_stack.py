"""`tokenlane up` as a process on free loopback ports, for tests and benchmarks."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

_START_S = 240
_STOP_S = 60


@dataclass(frozen=True, slots=True)
class StackProcess:
    """One process of the stack."""

    name: str
    role: str
    lane: str
    pid: int
    metrics_url: str


class LocalStack:
    """Up on enter, gone on exit. `arguments` are those of `tokenlane up`; `env` is added to its environment."""

    def __init__(self, *arguments: str, directory: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        self._environment = os.environ | dict(env or {})
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="tokenlane-stack-")
        self.directory = directory or Path(self._temporary.name)  # type: ignore[union-attr]

    def __enter__(self) -> "LocalStack":
        command = [sys.executable, "-m", "tokenlane_cli", "up", "--port", "0", "--data-dir", str(self.directory)]
        self._output = (self.directory.parent / f"{self.directory.name}.out").open("w+")
        self.process = subprocess.Popen(
            [*command, *self._arguments], env=self._environment, stdout=self._output, stderr=self._output
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        state = self.state()
        self.url: str = state["url"]
        self.key: str = state["api_key"]
        self.nats_url: str = state["nats_url"]
        self.model: str = state["model"]
        return self

    def state(self) -> dict[str, Any]:
        """What the stack says about itself now."""
        return json.loads((self.directory / "stack.json").read_text())  # type: ignore[no-any-return]

    def processes(self) -> list[StackProcess]:
        """The processes that run now."""
        return [StackProcess(**process) for process in self.state()["processes"]]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        family = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(_STOP_S)
        self.left_behind = [process for process in family if process.is_running() and not _is_zombie(process)]
        self._output.close()
        Path(self._output.name).unlink()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if (self.directory / "stack.json").exists():
                return
            time.sleep(0.05)
        self._output.seek(0)
        raise RuntimeError(f"the stack did not start:\n{self._output.read()}")


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
