"""JSON lines with `timestamp` (milliseconds), `input_length`, `output_length`, among others. Raises UsageError."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Block, Findings, Rows, checked
from tokenlane_cli.traces.complaints import FIELDS, shown, tokens
from tokenlane_cli.traces.source import Chunk

# Thirty thousand years. What is more is in another unit.
_MOST_MS = 1e15


class _Row(msgspec.Struct, gc=False):
    timestamp: float
    input_length: int
    output_length: int


_decoder: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


def json_blocks(path: Path, chunks: Iterator[Chunk], limit: int | None, findings: Findings) -> Iterator[Block]:
    """The first `limit` rows."""
    origin_ms: float | None = None
    left = limit
    for chunk in chunks:
        raw = _fast(chunk, left) or _one_by_one(path, chunk, left)
        if not raw.at_s:
            continue
        origin_ms = raw.at_s[0] if origin_ms is None else origin_ms
        raw.at_s = [(ms - origin_ms) / 1000 for ms in raw.at_s]
        block = checked(raw, findings)
        if block is not None:
            yield block
            left = None if left is None else left - len(block.at_s)
        if left == 0:
            return


def _fast(chunk: Chunk, left: int | None) -> Rows | None:
    """None where a row is not as expected or where lines and rows are not one to one."""
    try:
        rows = _decoder.decode_lines(chunk.data)
    except (msgspec.DecodeError, RecursionError):
        return None
    if len(rows) != len(chunk.data.removesuffix(b"\n").split(b"\n")):
        return None
    rows = rows[:left]
    prompts, outputs = [row.input_length for row in rows], [row.output_length for row in rows]
    lines = range(chunk.first_line, chunk.first_line + len(rows))
    found = Rows([row.timestamp for row in rows], prompts, outputs, list(lines))
    if rows and not -_MOST_MS <= min(found.at_s) <= max(found.at_s) <= _MOST_MS:
        return None
    try:
        checked(found, Findings())
    except ValueError:
        return None
    return found


def _one_by_one(path: Path, chunk: Chunk, left: int | None) -> Rows:
    rows = Rows()
    for number, line in enumerate(chunk.data.split(b"\n"), start=chunk.first_line):
        if line.strip() and len(rows.lines) != left:
            rows.add(number, *_row(path, number, line))
    return rows


def _row(path: Path, number: int, line: bytes) -> tuple[float, int, int]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise UsageError(f"{path}:{number}: not a JSON object")
    missing = next((name for name in FIELDS if name not in row), None)
    if missing is not None:
        raise UsageError(f"{path}:{number}: missing {missing}")
    at_ms, prompt, output = (row[name] for name in FIELDS)
    return _milliseconds(path, number, at_ms), tokens(path, number, prompt), tokens(path, number, output)


def _milliseconds(path: Path, number: int, value: object) -> float:
    try:
        found = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        found = math.nan
    if not abs(found) <= _MOST_MS:
        raise UsageError(f"{path}:{number}: timestamp is not a number of milliseconds: {shown(value)}")
    return found
