"""What /proc says about a family of processes."""

from pathlib import Path

PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on."""
    children = [child for child, parent in _parents().items() if parent == pid]
    return [*children, *(grandchild for child in children for grandchild in descendants(child))]


def named(text: str, pids: list[int]) -> list[int]:
    """Those whose command line contains `text`."""
    return [pid for pid in pids if text in _read(pid, "cmdline")]


def alive(pid: int) -> bool:
    """A zombie is not alive."""
    return _stat(pid)[:1] not in ([], ["Z"])


def _parents() -> dict[int, int]:
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()]
    return {pid: int(stat[1]) for pid in pids if (stat := _stat(pid))}


def _stat(pid: int) -> list[str]:
    """The fields behind the name: state, parent, ..."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _read(pid: int, name: str) -> str:
    try:
        return (PROC / str(pid) / name).read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
