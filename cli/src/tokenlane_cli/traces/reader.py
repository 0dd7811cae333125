"""A trace file as blocks of rows in the order of time. Which of the formats it has is told from its beginning.

CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens; JSON lines with `timestamp` (milliseconds),
`input_length`, `output_length` (`tokenlane record` writes them); a JSON distribution of total tokens,
`[[tokens, fraction], …]`, by itself or under the key `cdf`. Raises UsageError naming the file and the line.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Block, Findings
from tokenlane_cli.traces.complaints import FIELDS
from tokenlane_cli.traces.csv_rows import csv_blocks
from tokenlane_cli.traces.drawn import read_distribution
from tokenlane_cli.traces.json_rows import json_blocks
from tokenlane_cli.traces.ordered import in_order
from tokenlane_cli.traces.source import OnProgress, chunks
from tokenlane_fleet.distribution import Distribution


def open_trace(
    path: Path, limit: int | None, findings: Findings, on_progress: OnProgress | None = None
) -> Iterator[Block] | Distribution:
    """The first `limit` rows of the file, in the order of time; or the distribution, from which rows must be drawn."""
    pieces = chunks(path, on_progress)
    first = next((piece for piece in pieces if piece.data.strip()), None)
    if first is None:
        raise UsageError(f"{path} is no trace: it is empty")
    pieces = chain((first,), pieces)
    start = first.data.lstrip()
    if start[:1] not in (b"{", b"["):
        return _some(path, in_order(path, csv_blocks(path, pieces, limit, findings), findings))
    if _is_row(start.split(b"\n", 1)[0]):
        return _some(path, in_order(path, json_blocks(path, pieces, limit, findings), findings))
    return read_distribution(path, pieces)


def _is_row(line: bytes) -> bool:
    return line[:1] == b"{" and b'"cdf"' not in line and any(b'"%b"' % name.encode() in line for name in FIELDS)


def _some(path: Path, blocks: Iterator[Block]) -> Iterator[Block]:
    empty = True
    for block in blocks:
        empty = False
        yield block
    if empty:
        raise UsageError(f"{path} is no trace: it has no requests")
