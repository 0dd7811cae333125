"""Whatever bytes a file has, reading it gives requests or one line."""

import gzip
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces import source
from tokenlane_cli.traces.arrivals import read_arrivals
from tokenlane_cli.traces.load import load

PARTS = st.sampled_from(
    [
        *(
            b"TIMESTAMP,ContextTokens,GeneratedTokens",
            b"2023-11-16 18:15:46.6805900",
            b"2023-11-16 18:15:46Z",
            b",",
            b'"',
        ),
        *(
            b"1",
            b"-1",
            b"1e9",
            b"NaN",
            b"99999999999999999999",
            b"1.5",
            b"0",
            b"\n",
            b"\r\n",
            b"\r",
            b"\xff",
            b"\x00",
            b" ",
        ),
        *(b"2023-11-16 18:15:46,1,1\n", b'{"timestamp": 5, "input_length": 3, "output_length": 2}\n', b"{", b"}", b"["),
        *(
            b"]",
            b'{"cdf": [[5, 0.5], [9, 1.0]]}',
            b"[[5, 0.5], [9, 1.0]]",
            b'"timestamp":',
            b'"cdf":',
            b"null",
            b"\xef\xbb\xbf",
        ),
    ]
)
FILES = st.one_of(
    st.binary(max_size=200),
    st.lists(PARTS, max_size=30).map(b"".join),
    st.lists(PARTS, max_size=30).map(lambda parts: b"TIMESTAMP,ContextTokens,GeneratedTokens\n" + b"".join(parts)),
    st.lists(PARTS, max_size=30).map(
        lambda parts: b'{"timestamp": 5, "input_length": 3, "output_length": 2}\n' + b"".join(parts)
    ),
    st.binary(max_size=100).map(gzip.compress),
    st.binary(max_size=100).map(lambda data: b"\x1f\x8b" + data),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "trace"


@pytest.fixture(scope="module", autouse=True)
def _small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "CHUNK_BYTES", 37)
        yield


def one_line(error: UsageError) -> None:
    assert str(error).isprintable()
    assert len(str(error)) < 400


@given(FILES)
def test_arrivals_or_one_line(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        found, notes = read_arrivals(path, 50, 1.0, 0)
    except UsageError as error:
        one_line(error)
        return
    assert found[0].at_s == 0
    assert all(a.at_s <= b.at_s for a, b in pairwise(found))
    assert all(each.prompt_tokens >= 1 and each.output_tokens >= 1 for each in found)
    assert all(note.isprintable() for note in notes)


@given(FILES, st.one_of(st.none(), st.just(2.0)))
def test_arrays_or_one_line(path: Path, content: bytes, rate: float | None) -> None:
    path.write_bytes(content)
    try:
        loaded = load(path, rate=rate, window=5)
    except UsageError as error:
        one_line(error)
        return
    assert 1 <= len(loaded.trace) <= min(5, loaded.facts.requests)
