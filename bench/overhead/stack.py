"""The local stack in front of the instant upstream, and what its processes cost."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import psutil

_START_S = 60


class Stack:
    """`tokenlane up` with one worker a lane, on free loopback ports; gone on exit."""

    def __enter__(self) -> "Stack":
        self._directory = tempfile.TemporaryDirectory(prefix="tokenlane-bench-")
        self._upstream = subprocess.Popen(
            [sys.executable, "-m", "bench.overhead.upstream"], stdout=subprocess.PIPE, text=True
        )
        assert self._upstream.stdout is not None
        self.upstream_url = f"http://127.0.0.1:{int(self._upstream.stdout.readline())}"
        state = Path(self._directory.name) / "stack.json"
        self._up = subprocess.Popen(
            [
                *(sys.executable, "-m", "tokenlane_cli", "up", "--engine-url", self.upstream_url, "--port", "0"),
                *("--no-autoscaler", "--lanes", "short:4096,long", "--data-dir", self._directory.name),
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            description = self._wait_for(state)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.url, self.key = description["url"], description["api_key"]
        self._processes = {
            process["name"].split("-")[0] if process["lane"] != "long" else "worker-long": psutil.Process(process["pid"])
            for process in description["processes"]
        } | {"upstream": psutil.Process(self._upstream.pid)}
        return self

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time of each process so far. Unit: seconds."""
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: spent.user + spent.system for name, spent in times.items()}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in (self._up, self._upstream):
            process.terminate()
        for process in (self._up, self._upstream):
            process.wait(60)
        self._directory.cleanup()

    def _wait_for(self, state: Path) -> dict:  # type: ignore[type-arg]
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._up.poll() is None:
            if state.exists():
                return json.loads(state.read_text())  # type: ignore[no-any-return]
            time.sleep(0.1)
        raise RuntimeError("the stack did not start")
