"""CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens, in any order and among others. Raises UsageError."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Block, Findings, Rows, checked
from tokenlane_cli.traces.complaints import COLUMNS, no_trace, shown, tokens
from tokenlane_cli.traces.source import Chunk
from tokenlane_cli.traces.timestamps import Clock

_BLOCK_ROWS = 8_192


class _Places(NamedTuple):
    """Where the columns are."""

    time: int
    prompt: int
    output: int


def csv_blocks(path: Path, chunks: Iterator[Chunk], limit: int | None, findings: Findings) -> Iterator[Block]:
    """The first `limit` rows."""
    reading = _Reading(path, findings)
    left = limit
    for chunk in chunks:
        text = _text(path, chunk)
        lines, first = text.removesuffix("\n").split("\n"), chunk.first_line
        if reading.places is None:
            skipped = reading.find_columns(lines, first)
            lines, first = lines[skipped:], first + skipped
        if '"' in text:
            # A quoted field may go over lines and chunks: from here on the csv module says where a row ends.
            rest = chain.from_iterable(_lines(path, later) for later in chunks)
            yield from reading.quoted(chain((f"{line}\n" for line in lines), rest), first, left)
            return
        block = reading.block(lines, first, left)
        if block is not None:
            yield block
            left = None if left is None else left - len(block.at_s)
        if left == 0:
            return


class _Reading:
    def __init__(self, path: Path, findings: Findings) -> None:
        self.places: _Places | None = None
        self._width = 0
        self._path = path
        self._findings = findings
        self._clock = Clock()

    def find_columns(self, lines: list[str], first: int) -> int:
        """Read the header. Returns the lines up to it, itself included."""
        skipped = next((index for index, line in enumerate(lines) if line.strip()), 0)
        try:
            header = [name.strip() for name in next(csv.reader([lines[skipped]]), [])]
        except csv.Error:
            raise no_trace(self._path) from None
        missing = [column for column in COLUMNS if column not in header]
        if len(missing) == len(COLUMNS):
            raise no_trace(self._path)
        if missing:
            raise UsageError(f"{self._path}:{first + skipped}: missing column {missing[0]}")
        self._width = len(header)
        self.places = _Places(*(header.index(column) for column in COLUMNS))
        return skipped + 1

    def block(self, lines: list[str], first: int, left: int | None) -> Block | None:
        """The first `left` rows of lines without quotes."""
        assert self.places is not None
        chosen = lines[:left]
        try:
            times, prompts, outputs = self._columns(chosen)
            at_s = self._clock.many(times) if times else []
            numbers = range(first, first + len(chosen))
            return checked(Block(at_s, list(map(int, prompts)), list(map(int, outputs)), numbers), self._findings)
        except (ValueError, IndexError, OverflowError):
            return self._one_by_one(islice(_rows(lines, first), left))

    def _columns(self, lines: list[str]) -> list[list[str]]:
        """The three columns. Raises ValueError or IndexError where rows differ in length."""
        assert self.places is not None
        if self._width > len(COLUMNS):
            fields = [line.split(",") for line in lines]
            return [list(map(itemgetter(place), fields)) for place in self.places]
        # A row of another length shifts those after it: a time then stands where a number should be.
        flat = ",".join(lines).split(",") if lines else []
        if len(flat) != len(lines) * len(COLUMNS):
            raise ValueError
        return [flat[place :: len(COLUMNS)] for place in self.places]

    def quoted(self, lines: Iterator[str], first: int, left: int | None) -> Iterator[Block]:
        """The first `left` rows of lines with quotes."""
        reader = csv.reader(lines)
        numbered = ((first + reader.line_num - 1, fields) for fields in reader if any(map(str.strip, fields)))
        rows = islice(numbered, left)
        try:
            while block := self._one_by_one(islice(rows, _BLOCK_ROWS)):
                yield block
        except csv.Error as error:
            raise UsageError(f"{self._path}:{first + reader.line_num - 1}: not CSV: {error}") from None

    def _one_by_one(self, numbered: Iterator[tuple[int, Sequence[str]]]) -> Block | None:
        rows = Rows()
        for line, fields in numbered:
            rows.add(line, *self._row(line, fields))
        return checked(rows, self._findings)

    def _row(self, line: int, fields: Sequence[str]) -> tuple[float, int, int]:
        assert self.places is not None
        for column, place in zip(COLUMNS, self.places, strict=True):
            if place >= len(fields):
                raise UsageError(f"{self._path}:{line}: the row ends before {column}")
        time = fields[self.places.time].strip()
        try:
            at_s = self._clock.one(time)
        except (ValueError, OverflowError):
            raise UsageError(f"{self._path}:{line}: TIMESTAMP is not a date and time: {shown(time)}") from None
        prompt, output = (tokens(self._path, line, fields[place]) for place in self.places[1:])
        return at_s, prompt, output


def _rows(lines: list[str], first: int) -> Iterator[tuple[int, Sequence[str]]]:
    return ((number, line.split(",")) for number, line in enumerate(lines, start=first) if line.strip(" ,\t"))


def _text(path: Path, chunk: Chunk) -> str:
    try:
        text = chunk.data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file: {error}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _lines(path: Path, chunk: Chunk) -> list[str]:
    return [f"{line}\n" for line in _text(path, chunk).removesuffix("\n").split("\n")]
