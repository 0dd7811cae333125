"""How many steps an engine has made, by its own log: what it says of each iteration.

The metric `vllm:iteration_tokens_total` counts steps, too, but only those that put out a token, and each look at the
metrics takes milliseconds of the server's own loop. The line of a step is written before the answers that ended in it
are sent.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

# `vllm serve` says of each step what was in it.
ARGUMENT = "--enable-logging-iteration-details"
_ITERATION = re.compile(
    rb"Iteration\((\d+)\): (\d+) context requests, \d+ context tokens, (\d+) generation requests, .*?"
    rb"KV cache usage: ([\d.]+)%"
)


@dataclass(frozen=True, slots=True)
class Step:
    """Sequences in a step, and the share of the KV cache that was in use after it."""

    sequences: int
    kv_usage: float


@dataclass(slots=True)
class StepLog:
    """Reads on where it stopped. `steps` are those since `begin`."""

    path: Path
    steps: list[Step] = field(default_factory=list)
    _offset: int = 0
    _rest: bytes = b""

    def begin(self) -> None:
        """Count from here."""
        self.read()
        self.steps = []

    def read(self) -> int:
        """Steps made so far."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.steps += [step for step in map(_parse, lines) if step is not None]
        return len(self.steps)


def _parse(line: bytes) -> Step | None:
    found = _ITERATION.search(line)
    if found is None:
        return None
    return Step(int(found[2]) + int(found[3]), float(found[4]) / 100)
