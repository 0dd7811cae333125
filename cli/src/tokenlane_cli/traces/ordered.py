"""Rows in the order of time. Logs are written when requests end, so that neighbours may have changed places."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from operator import le
from pathlib import Path

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Block, Findings

# How many rows are held back.
HELD_ROWS = 65_536


def in_order(path: Path, blocks: Iterator[Block], findings: Findings, held_rows: int = HELD_ROWS) -> Iterator[Block]:
    """The same rows by time; those of one time stay as they are. Raises UsageError where a row comes later than
    `held_rows` rows after its place."""
    held = _Held(findings)
    for block in blocks:
        held.take(path, block, held_rows)
        if len(held.at_s) >= 2 * held_rows:
            yield held.give(len(held.at_s) - held_rows)
    if held.at_s:
        yield held.give(len(held.at_s))


@dataclass(slots=True)
class _Held:
    findings: Findings
    at_s: list[float] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    sorted: bool = True
    given_s: float = -inf
    latest_s: float = -inf

    def take(self, path: Path, block: Block, held_rows: int) -> None:
        if not (block.at_s[0] >= self.latest_s and all(map(le, block.at_s, islice(block.at_s, 1, None)))):
            self._notice(path, block, held_rows)
        self.latest_s = max(self.latest_s, max(block.at_s))
        self.at_s += block.at_s
        self.prompts += block.prompts
        self.outputs += block.outputs

    def give(self, rows: int) -> Block:
        if not self.sorted:
            order = sorted(range(len(self.at_s)), key=self.at_s.__getitem__)
            self.at_s = [self.at_s[index] for index in order]
            self.prompts = [self.prompts[index] for index in order]
            self.outputs = [self.outputs[index] for index in order]
            self.sorted = True
        given = Block(self.at_s[:rows], self.prompts[:rows], self.outputs[:rows], ())
        self.given_s = given.at_s[-1]
        del self.at_s[:rows], self.prompts[:rows], self.outputs[:rows]
        return given

    def _notice(self, path: Path, block: Block, held_rows: int) -> None:
        self.sorted = False
        latest = self.latest_s
        for line, at_s in zip(block.lines, block.at_s, strict=True):
            if at_s < self.given_s:
                raise UsageError(
                    f"{path}:{line}: {self.given_s - at_s:,.3f} s before a row more than {held_rows:,} rows above: "
                    "sort the file by time first"
                )
            self.findings.unordered += at_s < latest
            latest = max(latest, at_s)
