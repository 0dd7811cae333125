"""What this machine has, as far as the local stack needs to know it."""

import importlib.util
import os
import resource
import shutil
import socket
import sys
from pathlib import Path

from tokenlane_cli.errors import UsageError


def gpu_count() -> int:
    """NVIDIA devices that the kernel shows."""
    return sum(1 for device in Path("/dev").glob("nvidia*") if device.name[6:].isdecimal())


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_program(name: str, hint: str) -> str:
    """Path of a program beside this Python or on PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise UsageError(f"{name} was not found: {hint}")
    return found


def require_module(name: str) -> None:
    """Raise UsageError unless the package of a service is installed. It is not imported."""
    if importlib.util.find_spec(name) is None:
        raise UsageError(f"the package of {name} is not installed in {sys.prefix}")


def free_ports(count: int) -> list[int]:
    """Free loopback ports, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def raise_file_limit() -> None:
    """Let this process and its children open as many files as the system allows: each stream is a connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
