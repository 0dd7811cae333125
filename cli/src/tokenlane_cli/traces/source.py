"""A file's bytes in pieces of whole lines; gzip is taken off. Raises UsageError."""

import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from tokenlane_cli.errors import UsageError

# Called with the bytes of the file read so far and, where it is known, its size.
OnProgress = Callable[[int, int | None], None]

CHUNK_BYTES = 1024**2
LONGEST_LINE_BYTES = 4 * CHUNK_BYTES
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class Chunk(NamedTuple):
    """Whole lines, as UTF-8 without a byte order mark. `first_line`: number of the first one in the file, from 1."""

    first_line: int
    data: bytes


def chunks(path: Path, on_progress: OnProgress | None = None) -> Iterator[Chunk]:
    """The file from its beginning. Pipes work too. Chunks are of about a MiB, and never empty."""
    try:
        with path.open("rb") as raw:
            zipped = raw.peek(2)[:2] == _GZIP
            with gzip.GzipFile(fileobj=raw) if zipped else nullcontext(raw) as file:
                yield from _whole_lines(path, _read(raw, cast(BinaryIO, file), on_progress))
    except FileNotFoundError:
        raise UsageError(f"no trace at {path}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UsageError(f"cannot read {path}: its gzip data are damaged or cut off") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


def _read(raw: BinaryIO, file: BinaryIO, on_progress: OnProgress | None) -> Iterator[bytes]:
    facts = os.fstat(raw.fileno())
    size = facts.st_size if stat.S_ISREG(facts.st_mode) else None
    read = 0
    while data := file.read(CHUNK_BYTES):
        yield data
        read += len(data)
        if on_progress is not None:
            on_progress(read if file is raw else raw.tell(), size)


def _whole_lines(path: Path, pieces: Iterator[bytes]) -> Iterator[Chunk]:
    line, rest = 1, b""
    for number, piece in enumerate(pieces):
        data = rest + (piece if number else piece.removeprefix(_BOM))
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        if len(rest) > LONGEST_LINE_BYTES:
            at = line + data.count(b"\n")
            raise UsageError(f"{path}:{at}: no trace has lines of more than {LONGEST_LINE_BYTES // CHUNK_BYTES} MiB")
        if end:
            yield Chunk(line, data[:end])
            line += data.count(b"\n")
    if rest:
        yield Chunk(line, rest)
