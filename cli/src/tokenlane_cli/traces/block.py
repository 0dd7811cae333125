"""Rows as columns: a block of them is converted by loops in C, and gone through one by one only where that fails."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tokenlane_cli.traces.complaints import MOST_TOKENS


@dataclass(frozen=True, slots=True)
class Block:
    """Columns of one length, not empty: seconds from a beginning that all blocks of a file share, tokens (at least 1),
    numbers of the lines."""

    at_s: list[float]
    prompts: list[int]
    outputs: list[int]
    lines: Sequence[int]


@dataclass(slots=True)
class Findings:
    """What was put right in passing. `raised`: rows with a length of 0, which count as 1."""

    raised: int = 0
    unordered: int = 0

    def notes(self) -> tuple[str, ...]:
        """A line for each."""
        said = []
        if self.raised:
            said.append(f"{self.raised:,} requests with a length of 0: counted as 1 token")
        if self.unordered:
            said.append(f"{self.unordered:,} rows were out of order: sorted by time")
        return tuple(said)


@dataclass(slots=True)
class Rows:
    """Rows that are gathered one by one."""

    at_s: list[float] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, line: int, at_s: float, prompt: int, output: int) -> None:
        self.lines.append(line)
        self.at_s.append(at_s)
        self.prompts.append(prompt)
        self.outputs.append(output)


def checked(block: Block | Rows, findings: Findings) -> Block | None:
    """The block with lengths of at least 1; None if it has no rows. Raises ValueError where lengths are out of range:
    then the rows must be gone through one by one."""
    if not block.at_s:
        return None
    lowest, highest = min(min(block.prompts), min(block.outputs)), max(max(block.prompts), max(block.outputs))
    if lowest < 0 or highest > MOST_TOKENS:
        raise ValueError
    if lowest > 0:
        return Block(block.at_s, block.prompts, block.outputs, block.lines)
    findings.raised += sum(1 for pair in zip(block.prompts, block.outputs, strict=True) if 0 in pair)
    return Block(block.at_s, [p or 1 for p in block.prompts], [o or 1 for o in block.outputs], block.lines)
