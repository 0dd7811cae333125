"""Files of the data directory: who runs here, and with which key."""

import hashlib
import json
import os
import secrets
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from tokenlane_cli.errors import StackRunningError, UsageError
from tokenlane_cli.local_defaults import TENANT

STACK_FILE = "stack.json"


class LaneInfo(msgspec.Struct, frozen=True):
    """A lane of the running stack. `boundary` and `max_model_len` in tokens; 0 for the latter: not known."""

    name: str
    boundary: int | None
    max_model_len: int = 0


class ProcessInfo(msgspec.Struct, frozen=True):
    """A running process."""

    name: str
    role: str
    lane: str
    pid: int
    metrics_url: str


class StackInfo(msgspec.Struct, frozen=True):
    """A running stack, as other commands find it. `pid` is that of `tokenlane up`."""

    url: str
    api_key: str
    tenant: str
    nats_url: str
    pid: int
    engine: str
    model: str
    simulated: bool
    lanes: tuple[LaneInfo, ...]
    processes: tuple[ProcessInfo, ...]


def write_stack(data_dir: Path, info: StackInfo) -> None:
    """Replace the stack file at once; only the owner may read it, for it holds the key."""
    _write_private(data_dir / STACK_FILE, msgspec.json.format(msgspec.json.encode(info)))


def read_stack(data_dir: Path) -> StackInfo | None:
    """The stack that runs with this data directory, or None."""
    try:
        info = msgspec.json.decode((data_dir / STACK_FILE).read_bytes(), type=StackInfo)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"cannot read {data_dir / STACK_FILE}: {error}") from None
    return info if _alive(info.pid) else None


def remove_stack(data_dir: Path) -> None:
    """The stack is gone."""
    (data_dir / STACK_FILE).unlink(missing_ok=True)


def lock(data_dir: Path) -> FileLock:
    """Own the data directory until the lock is released. Raises StackRunningError, UsageError."""
    held = FileLock(data_dir / "stack.lock")
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        held.acquire(timeout=0)
    except Timeout:
        running = read_stack(data_dir)
        where = f"at {running.url} (process {running.pid})" if running else "and is still starting or stopping"
        raise StackRunningError(f"a stack already runs in {data_dir}, {where}") from None
    except OSError as error:
        raise UsageError(f"cannot use --data-dir {data_dir}: {error.strerror}") from None
    return held


def ensure_api_key(data_dir: Path) -> tuple[str, Path]:
    """The key of this data directory, made on first use, and the ingress's keys file, which holds its hash."""
    path, keys_file = data_dir / "api-key", data_dir / "keys.json"
    key = path.read_text().strip() if path.exists() else ""
    if not key:
        key = f"tl-{secrets.token_urlsafe(24)}"
        _write_private(path, f"{key}\n".encode())
    digest = hashlib.sha256(key.encode()).hexdigest()
    _write_private(keys_file, json.dumps({digest: TENANT}).encode())
    return key, keys_file


def _write_private(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
