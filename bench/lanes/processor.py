"""How long processes waited for a processor while others used it: a part of every time that is measured on a busy
machine, and none of what is measured. Linux tells it by thread."""

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

_PROC = Path("/proc")


def family() -> list[int]:
    """This process and those that it started."""
    own = psutil.Process()
    return [os.getpid(), *(child.pid for child in own.children(recursive=True))]


def waited_s(processes: Iterable[int]) -> float:
    """Seconds for which their threads could have run and did not, all together, since they began. 0.0 where the system
    does not tell."""
    return sum(_waited_ns(path) for pid in processes for path in _PROC.glob(f"{pid}/task/*/schedstat")) / 1e9


def _waited_ns(schedstat: Path) -> int:
    try:
        return int(schedstat.read_text().split()[1])
    except OSError:
        # The thread has ended.
        return 0
