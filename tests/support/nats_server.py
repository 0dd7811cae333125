"""A real nats-server on a free loopback port, for one test."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType


class NatsServer:
    """Starts on enter, ends on exit; `kill_and_restart` keeps port and store."""

    def __init__(
        self,
        *,
        jetstream: bool = True,
        max_payload: int = 8 * 1024 * 1024,
        directory: Path | None = None,
        sync_always: bool = False,
        authorization: str = "",
    ) -> None:
        self._jetstream = jetstream
        self._max_payload = max_payload
        self._sync = ", sync_interval: always" if sync_always else ""
        self._authorization = authorization
        self._directory = directory or Path(tempfile.mkdtemp(prefix="tokenlane-nats-"))
        self._directory.mkdir(exist_ok=True)
        # -1: the server takes a free port and writes it to its ports file.
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        config = self._directory / "nats.conf"
        lines = [
            f"listen: 127.0.0.1:{self._port}",
            f"max_payload: {self._max_payload}",
            f'ports_file_dir: "{self._directory}"',
            f'log_file: "{self._directory}/log"',
        ]
        if self._jetstream:
            lines.append(f'jetstream {{ store_dir: "{self._directory}/store"{self._sync} }}')
        if self._authorization:
            lines.append(f"authorization {{ {self._authorization} }}")
        config.write_text("\n".join(lines))
        binary = shutil.which("nats-server") or str(Path(sys.executable).with_name("nats-server"))
        self._process = subprocess.Popen([binary, "-c", str(config)])
        self._port = self._wait_for_port(self._process)

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait(10)
            self._process = None

    def kill_and_restart(self) -> None:
        self.stop(signal.SIGKILL)
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, sign: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sign)

    def _wait_for_port(self, process: subprocess.Popen[bytes], timeout_s: float = 20) -> int:
        ports = self._directory / f"nats-server_{process.pid}.ports"
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and process.poll() is None:
            try:
                port = int(json.loads(ports.read_text())["nats"][0].rsplit(":", 1)[1])
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return port
            except (OSError, ValueError, KeyError):
                time.sleep(0.005)
        raise RuntimeError(f"nats-server did not start: {(self._directory / 'log').read_text()}")

    def __enter__(self) -> "NatsServer":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
