"""The engine's own log: passed on line by line, its end remembered to say why it died."""

import re
from collections import deque
from collections.abc import Callable, Iterable

REMEMBERED_LINES = 400
# "(EngineCore pid=7) ERROR 01-01 00:00:00 [core.py:1] ": who, and vLLM's own log prefix
_PREFIX = re.compile(r"^(?:\([^)]*pid=\d+\) ?)*(?:(?:ERROR|CRITICAL|WARNING|INFO) [\d-]+ [\d:]+ \[[^\]]*\] ?)?")
_FAILURE = re.compile(r"^(?:[\w.]*(?:Error|Exception|Interrupt)\b.*:|.*\berror: )\s*\S")
_NOISE = re.compile(
    r"leaked (?:instance|type|function)|nanobind|resource_tracker|skipped remainder|See root cause above"
)


class ChildLog:
    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._tail: deque[str] = deque(maxlen=REMEMBERED_LINES)

    def line(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "replace").rstrip()
        if text:
            self._tail.append(text)
            self._write(text)

    def failure(self) -> str:
        return failure_line(self._tail)


def failure_line(lines: Iterable[str]) -> str:
    """The line that says most about a failure: the last exception's message, else the last line that is not noise."""
    bare = [_PREFIX.sub("", line).strip() for line in lines if not _NOISE.search(line)]
    told = [line for line in bare if line]
    failures = [line for line in told if _FAILURE.match(line)]
    return (failures or told or ["it said nothing"])[-1]
