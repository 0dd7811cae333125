"""A real vLLM on a loopback port, for tests that ask it both directly and through tokenlane."""

import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import httpx

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
ENGINE_BIN = ROOT / ".venv-engine" / "bin"
SMOLLM2 = CACHE / "models" / "SmolLM2-135M-Instruct"
_START_S = 300


def cpu_environment() -> dict[str, str]:
    """What engine/cpu.env sets."""
    lines = (ROOT / "engine" / "cpu.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def cache_environment() -> dict[str, str]:
    """Caches inside the checkout, and no look at a model hub."""
    return {
        "HF_HOME": str(CACHE / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "VLLM_CACHE_ROOT": str(CACHE / "vllm"),
        "TORCHINDUCTOR_CACHE_DIR": str(CACHE / "torch"),
    }


class VllmServer:
    """`vllm serve` with the demonstration's model, or another. Up on enter, gone on exit."""

    def __init__(self, log: Path, *arguments: str, model: Path = SMOLLM2, name: str = "smollm2") -> None:
        self.log = log
        self._model, self._name = str(model), name
        self._arguments = arguments

    def __enter__(self) -> "VllmServer":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environment = cpu_environment()
        arguments = environment.pop("TOKENLANE_ENGINE_ARGS").split()
        command = [str(ENGINE_BIN / "vllm"), "serve", self._model, "--host", "127.0.0.1", "--port", str(port)]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [*command, "--served-model-name", self._name, *arguments, *self._arguments],
                env=os.environ | environment | cache_environment() | {"VLLM_NO_USAGE_STATS": "1"},
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(60)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise RuntimeError(f"vLLM did not start:\n{self.log.read_text()[-4000:]}")
