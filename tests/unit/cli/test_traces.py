"""Trace files, good and bad, and distributions."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.errors import UsageError
from tokenlane_cli.replay.distribution import quantile
from tokenlane_cli.replay.trace import Arrival, read_trace

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
CDF = [[64, 0.25], [128, 0.5], [1024, 1.0]]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trace"
    path.write_text(text)
    return path


def read(path: Path, limit: int | None = None, rate: float | None = None) -> list[Arrival]:
    return read_trace(path, limit, rate, seed=1)


def test_csv_with_seven_digits_of_a_second(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD + "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.6805900,396,109\n2023-11-16 18:15:51,0,0\n",
    )
    first, second, third = read(path)
    assert (first.prompt_tokens, first.output_tokens) == (374, 44)
    assert second.at_s == pytest.approx(4)
    assert (third.prompt_tokens, third.output_tokens) == (1, 1)
    assert read(path, limit=1) == [first]


def test_json_lines_in_milliseconds(tmp_path: Path) -> None:
    rows = [{"timestamp": 500, "input_length": 10, "output_length": 5, "hash_ids": [1]}]
    rows.append({"timestamp": 2000, "input_length": 20, "output_length": 6})
    path = write(tmp_path, "\n".join(json.dumps(row) for row in rows) + "\n\n")
    assert read(path) == [Arrival(0.0, 10, 5), Arrival(1.5, 20, 6)]


def test_rows_out_of_order_are_not_sent_before_the_first(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "2023-11-16 18:15:46,1,1\n2023-11-16 18:15:40,1,1\n")
    assert [arrival.at_s for arrival in read(path)] == [0.0, 0.0]


@pytest.mark.parametrize("content", [CDF, {"cdf": CDF, "source": "made up"}])
def test_a_distribution_gives_poisson_arrivals(tmp_path: Path, content: object) -> None:
    path = write(tmp_path, json.dumps(content))
    arrivals = read(path, limit=2_000, rate=10)
    assert arrivals == read(path, limit=2_000, rate=10)
    assert arrivals[0].at_s == 0
    assert arrivals[-1].at_s == pytest.approx(200, rel=0.1)
    totals = [arrival.prompt_tokens + arrival.output_tokens for arrival in arrivals]
    assert sum(total <= 128 for total in totals) / 2_000 == pytest.approx(0.5, abs=0.05)
    assert max(totals) <= 1_024


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no trace"),
        ("hello\n", "is no trace"),
        ("TIMESTAMP,ContextTokens\n", "trace:1: missing column GeneratedTokens"),
        (HEAD + "2023-11-16 18:15:46,1,1\nyesterday,1,1\n", "trace:3: TIMESTAMP is not a date and time: 'yesterday'"),
        (HEAD + "2023-11-16 18:15:46,many,1\n", "trace:2: not a number of tokens: 'many'"),
        (HEAD + "2023-11-16 18:15:46,-3,1\n", "trace:2: not a number of tokens: '-3'"),
        (HEAD + "2023-11-16 18:15:46,3\n", "trace:2: not a number of tokens: None"),
        ('{"timestamp": 1, "input_length": 1}\n', "trace:1: missing output_length"),
        ('{"timestamp": 1, "input_length": 1, "output_length": 1}\n{"timest', "trace:2: not a JSON object"),
        ('{"timestamp": "now", "input_length": 1, "output_length": 1}\n', "trace:1: not a JSON object"),
        ('{"timestamp": 1, "input_length": 1.5, "output_length": 1}\n', "trace:1: not a number of tokens: 1.5"),
        ("[[1, 0.5]]", "must be 1"),
        ("[[5, 0.5], [4, 1.0]]", "must rise"),
        ("[1, 2]", "is no distribution"),
        ("[[", "is no distribution"),
        ("{}", "is no distribution"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        read(path, limit=10, rate=1)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_missing_files_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no trace at"):
        read(tmp_path / "none")
    with pytest.raises(UsageError, match="cannot read"):
        read(tmp_path)
    (tmp_path / "binary").write_bytes(b"\x00\xff\xfe" * 100)
    with pytest.raises(UsageError, match="not a text file"):
        read(tmp_path / "binary")


@pytest.mark.parametrize(("limit", "rate"), [(None, 1.0), (10, None)])
def test_a_distribution_needs_an_end_and_a_rate(tmp_path: Path, limit: int | None, rate: float | None) -> None:
    with pytest.raises(UsageError, match="needs --rate and --limit"):
        read(write(tmp_path, json.dumps(CDF)), limit, rate)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_quantile_rises_and_stays_inside(low: float, high: float) -> None:
    cdf = [(float(tokens), float(fraction)) for tokens, fraction in CDF]
    low, high = sorted((low, high))
    assert 0 <= quantile(cdf, low) <= quantile(cdf, high) <= 1024
