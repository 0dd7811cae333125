"""Processor time of a server process and its children over a span of load."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from bench.http_servers.candidates import Candidate
from bench.http_servers.load import drive


@contextmanager
def running(candidate: Candidate) -> Iterator[tuple[psutil.Process, int]]:
    """The candidate as a process on a free port, stopped at the end."""
    port = _free_port()
    process = subprocess.Popen([part.format(port=port) for part in candidate.command])
    try:
        _wait_until_listening(process, port)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def cpu_ms_per_request(server: psutil.Process, port: int, path: str, connections: int, seconds: float) -> float:
    """Processor time of `server` and its children for each answer. Unit: milliseconds."""
    before = _cpu_seconds(server)
    answered = await drive(port, path, connections, seconds)
    return 1000 * (_cpu_seconds(server) - before) / answered


def _cpu_seconds(server: psutil.Process) -> float:
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, patience_s: float = 15) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


async def settle() -> None:
    """Let a server finish what the last connections left."""
    await asyncio.sleep(0.2)
