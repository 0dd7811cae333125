"""A recording is read whatever is wrong with some of its lines."""

import gzip
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cli.tune.made import MONDAY_MS, row, written
from tokenlane_cli.errors import UsageError
from tokenlane_cli.record.rows import Row
from tokenlane_cli.tune.rows import Skipped, Wanted, from_file

GOOD = msgspec.json.encode(row())


def read(path: Path, wanted: Wanted | None = None) -> tuple[list[Row], int]:
    skipped = Skipped()
    return list(from_file(path, wanted or Wanted(), skipped)), skipped.count


def test_rows_come_back_in_the_order_of_acceptance(tmp_path: Path) -> None:
    rows = [row(MONDAY_MS + at, worker="w", moved=True) for at in (3, 1, 2)]
    assert read(written(tmp_path / "f", rows)) == (sorted(rows, key=lambda each: each.timestamp), 0)


def test_only_what_is_wanted(tmp_path: Path) -> None:
    rows = [row(), row(MONDAY_MS + 9), row(tenant="b"), row(model="m")]
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b"\n".join(map(msgspec.json.encode, rows))))
    assert read(path, Wanted(tenant="b"))[0] == [rows[2]]
    assert read(path, Wanted(model="m"))[0] == [rows[3]]
    assert read(path, Wanted(MONDAY_MS + 1))[0] == [rows[1]]


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b"7", b"\xff\xfe", b"{}", GOOD.replace(b"100", b"-1"), GOOD.replace(b"100", b"1e400"), b"[" * 9_999,
     GOOD.replace(str(MONDAY_MS).encode(), b"0"), GOOD.replace(str(MONDAY_MS).encode(), b"9" * 30)],
)  # fmt: skip
def test_a_line_that_is_none_is_skipped_and_counted(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(GOOD + b"\n" + line + b"\n\n" + GOOD + b"\n")
    assert read(path) == ([row(), row()], 1)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_bytes_hide_the_line_before_them(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("any") / "f"
    path.write_bytes(b"\n".join([GOOD, *lines]))
    assert row() in read(path)[0]


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n")
    with pytest.raises(UsageError, match="no line that `tokenlane record` wrote"):
        read(path)
    with pytest.raises(UsageError, match="no trace at"):
        read(tmp_path / "none")
