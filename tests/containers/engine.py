"""A Docker engine for the tests: the one that answers, or one of our own, started on a private socket."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 60
# An engine without netfilter still publishes ports through its proxy; vfs works on any file system, slowly.
_ATTEMPTS: tuple[tuple[str, ...], ...] = ((), ("--iptables=false", "--storage-driver=vfs"))


class NoEngineError(Exception):
    """No engine answers and none can be started; the text says why."""


@dataclass(frozen=True)
class Engine:
    """Where an engine answers. `host` is empty for the client's own default."""

    host: str = ""

    def environment(self) -> dict[str, str]:
        """The environment for clients of this engine. The classic builder is all that every client has."""
        extra = {"DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}
        return os.environ | extra | ({"DOCKER_HOST": self.host} if self.host else {})

    def docker(self, *arguments: str, timeout_s: float = 300) -> str:
        """Output of a docker command. Raises CalledProcessError."""
        command = ["docker", *arguments]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=timeout_s)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr[-2000:])
        return done.stdout

    def answers(self) -> bool:
        """Whether an engine is there."""
        try:
            return bool(self.docker("version", "--format", "{{.Server.Version}}", timeout_s=10).strip())
        except (OSError, subprocess.SubprocessError):
            return False

    def has_image(self, tag: str) -> bool:
        """Whether an image of that name is stored."""
        return bool(self.docker("images", "--quiet", tag).strip())


@contextmanager
def engine(state: Path) -> Iterator[Engine]:
    """An engine that answers. One of our own keeps its images under `state`. Raises NoEngineError."""
    if not shutil.which("docker"):
        raise NoEngineError("no docker client on PATH")
    if Engine().answers():
        yield Engine()
        return
    if not shutil.which("dockerd") or os.geteuid() != 0:
        raise NoEngineError("no Docker engine answers, and only root with dockerd on PATH can start one")
    # Socket paths are limited to about 100 characters, so they cannot lie under `state`.
    state = state.resolve()
    with tempfile.TemporaryDirectory(prefix="tokenlane-", ignore_cleanup_errors=True) as run:
        daemon, own = _start(state, Path(run))
        try:
            yield own
            # What earlier sources were built into; today's layers make the next build quick.
            own.docker("image", "prune", "--force", "--filter", "until=24h")
        finally:
            _stop(daemon, state)


def _start(state: Path, run: Path) -> tuple["subprocess.Popen[bytes]", Engine]:
    state.mkdir(parents=True, exist_ok=True)
    for flags in _ATTEMPTS:
        daemon, own = _spawn(state, run, flags)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while daemon.poll() is None and time.monotonic() < deadline:
            if own.answers():
                return daemon, own
            time.sleep(0.2)
        _stop(daemon, state)
    raise NoEngineError(f"dockerd does not start: {_last_line(state / 'dockerd.log')}")


def _spawn(state: Path, run: Path, flags: tuple[str, ...]) -> tuple["subprocess.Popen[bytes]", Engine]:
    host = f"unix://{run}/docker.sock"
    paths = ["--data-root", str(state / "data"), "--exec-root", str(run / "exec"), "--pidfile", str(run / "pid")]
    with (state / "dockerd.log").open("wb") as log:
        # Ends with the tests even when they are killed.
        daemon = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "dockerd", "-H", host, *paths, *flags], stdout=log, stderr=log
        )
    return daemon, Engine(host)


def _stop(daemon: "subprocess.Popen[bytes]", state: Path) -> None:
    daemon.terminate()
    try:
        daemon.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
    # One that ends while it starts leaves mounts that would keep the folder from being removed.
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        if line.split()[1].startswith(f"{state}/"):
            subprocess.run(["umount", line.split()[1]], check=False)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1] if lines else "no output"
