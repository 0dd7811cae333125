"""The last words of a process, from its log file."""

import json
from pathlib import Path

_TAIL_BYTES = 8192
_LONGEST = 300


def last_line(path: Path) -> str:
    """The last line that says something, shortened; JSON log records as "event: reason". Empty if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in lines if line.strip()]
    return _readable(said[-1])[:_LONGEST] if said else ""


def _readable(line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict) or "event" not in record:
        return line
    reason = record.get("reason") or record.get("error")
    return f"{record['event']}: {reason}" if reason else str(record["event"])
