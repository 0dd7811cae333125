"""Traces of request lengths: what a file says, row by row. Raises UsageError naming the file and the line.

Three formats: CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens; JSON lines with `timestamp`
(milliseconds), `input_length`, `output_length`; a JSON distribution of total tokens, `[[tokens, fraction], …]`,
by itself or under the key `cdf`.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

from tokenlane_cli.errors import UsageError
from tokenlane_cli.replay.distribution import parse_cdf, sample

_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of a trace: seconds after the first one, prompt and output in tokens, both at least 1."""

    at_s: float
    prompt_tokens: int
    output_tokens: int


def read_trace(path: Path, limit: int | None, rate: float | None, seed: int) -> list[Arrival]:
    """The first `limit` requests. `rate` (requests a second) and `seed` are for distributions, which have no times."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(islice(_rows(path, file, limit, rate, seed), limit))
    except FileNotFoundError:
        raise UsageError(f"no trace at {path}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a text file: {error}") from None


def _rows(path: Path, file: TextIO, limit: int | None, rate: float | None, seed: int) -> Iterator[Arrival]:
    first = file.readline()
    file.seek(0)
    if first.startswith("TIMESTAMP"):
        return _relative(path, _csv(path, file))
    if '"timestamp"' in first:
        return _relative(path, _json_lines(path, file))
    if first[:1] in ("[", "{"):
        cdf = parse_cdf(path, file.read())
        if rate is None or limit is None:
            raise UsageError(f"{path} is a distribution, without times and without end: it needs --rate and --limit")
        return (Arrival(at, prompt, output) for at, prompt, output in sample(cdf, rate, seed))
    raise UsageError(
        f"{path} is no trace: expected CSV with {','.join(_COLUMNS)}, JSON lines with timestamp, input_length, "
        "output_length, or a JSON list of [tokens, fraction]"
    )


def _csv(path: Path, file: TextIO) -> Iterator[tuple[int, float, object, object]]:
    rows = csv.DictReader(file)
    missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise UsageError(f"{path}:1: missing column {missing[0]}")
    for row in rows:
        yield rows.line_num, _seconds(path, rows.line_num, row[_COLUMNS[0]]), row[_COLUMNS[1]], row[_COLUMNS[2]]


def _json_lines(path: Path, file: TextIO) -> Iterator[tuple[int, float, object, object]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield number, float(row["timestamp"]) / 1000, row["input_length"], row["output_length"]
        except KeyError as error:
            raise UsageError(f"{path}:{number}: missing {error.args[0]}") from None
        except (ValueError, TypeError):
            raise UsageError(f"{path}:{number}: not a JSON object with a numeric timestamp") from None


def _relative(path: Path, rows: Iterator[tuple[int, float, object, object]]) -> Iterator[Arrival]:
    began: float | None = None
    for line, at, prompt, output in rows:
        began = at if began is None else began
        # Rows out of order are sent at once: a trace cannot go back in time.
        yield Arrival(max(0.0, at - began), _tokens(path, line, prompt), _tokens(path, line, output))


def _seconds(path: Path, line: int, text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        raise UsageError(f"{path}:{line}: TIMESTAMP is not a date and time: {text!r}") from None


def _tokens(path: Path, line: int, value: object) -> int:
    try:
        tokens = int(str(value))
    except ValueError:
        tokens = -1
    if tokens < 0:
        raise UsageError(f"{path}:{line}: not a number of tokens: {value!r}")
    return max(1, tokens)
