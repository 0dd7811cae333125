"""Trace files of every format, good and bad."""

import gzip
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces import arrivals as arrivals_module
from tokenlane_cli.traces.arrivals import Arrival, read_arrivals

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
CDF = [[64, 0.25], [128, 0.5], [1024, 1.0]]
ROW = {"timestamp": 0, "input_length": 10, "output_length": 5}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trace"
    path.write_bytes(text.encode())
    return path


def lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def read(path: Path, limit: int | None = None, rate: float | None = None) -> list[Arrival]:
    return read_arrivals(path, limit, rate, seed=1)[0]


def minutes(*rows: str) -> str:
    return HEAD + "".join(f"2023-11-16 18:{row}\n" for row in rows)


def test_csv_with_seven_digits_of_a_second(tmp_path: Path) -> None:
    path = write(tmp_path, minutes("15:46.6805900,374,44", "15:50.6805900,396,109", "16:51,1,2"))
    first, second, third = read(path)
    assert first == Arrival(0.0, 374, 44)
    assert second.at_s == pytest.approx(4)
    assert third.at_s == pytest.approx(64.31941)
    assert read(path, limit=1) == [first]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("zone", ["", "Z", "+00:00", "-0530"])
@pytest.mark.parametrize("between", [" ", "T"])
def test_csv_of_any_newline_and_zone(tmp_path: Path, newline: str, zone: str, between: str) -> None:
    text = HEAD + f"2023-12-31{between}23:59:59.5{zone},1,2\n2024-01-01{between}00:00:00.75{zone},3,4\n\n"
    found = read(write(tmp_path, text.replace("\n", newline)))
    assert found == [Arrival(0.0, 1, 2), Arrival(1.25, 3, 4)]


def test_zones_may_change_from_row_to_row(tmp_path: Path) -> None:
    text = (
        HEAD + "2023-11-16 18:15:00Z,1,1\n2023-11-16 20:15:01+02:00,1,1\n2023-11-16 18:15:02,1,1\n20231116T181503,1,1\n"
    )
    assert [each.at_s for each in read(write(tmp_path, text))] == [0, 1, 2, 3]


def test_columns_in_any_order_among_others_quoted_with_a_byte_order_mark(tmp_path: Path) -> None:
    plain = "\ufeffuser,GeneratedTokens, TIMESTAMP ,ContextTokens\n"
    plain += "me,5,2023-11-16 18:15:46,10\nyou,6,2023-11-16 18:15:47,20\n"
    quoted = plain.replace("me", '"a ""name"",\nin two lines"').replace("10", '"10"')
    wanted = [Arrival(0.0, 10, 5), Arrival(1.0, 20, 6)]
    assert read(write(tmp_path, plain)) == wanted
    assert read(write(tmp_path, quoted)) == wanted
    assert read(write(tmp_path, quoted), limit=1) == wanted[:1]


def test_empty_lines_do_not_count(tmp_path: Path) -> None:
    rows = ["15:46,10,5", "15:47,20,6", "15:48,30,7"]
    text = "\n" + minutes(*rows).replace("\n2023", "\n\n2023")
    assert read(write(tmp_path, text), limit=2) == [Arrival(0.0, 10, 5), Arrival(1.0, 20, 6)]
    assert len(read(write(tmp_path, text.replace("10", '"10"')), limit=2)) == 2
    assert len(read(write(tmp_path, "\n" + lines(ROW, ROW, ROW).replace("\n", "\n\n")), limit=2)) == 2


def test_json_lines_in_milliseconds(tmp_path: Path) -> None:
    rows = [{"timestamp": 500, "input_length": 10, "output_length": 5, "hash_ids": [1]}]
    rows.append({"timestamp": 2000, "input_length": 20, "output_length": 6})
    assert read(write(tmp_path, lines(*rows) + "\n")) == [Arrival(0.0, 10, 5), Arrival(1.5, 20, 6)]
    # Numbers written as text are read one by one.
    rows.append({"timestamp": "2500", "input_length": "20", "output_length": 6})
    assert read(write(tmp_path, lines(*rows).removesuffix("\n"))) == [
        Arrival(0.0, 10, 5),
        Arrival(1.5, 20, 6),
        Arrival(2.0, 20, 6),
    ]


def test_gzip_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv.gz"
    path.write_bytes(gzip.compress(minutes("15:46,10,5").encode()))
    assert read(path) == [Arrival(0.0, 10, 5)]
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(UsageError, match="its gzip data are damaged or cut off"):
        read(path)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text(minutes("15:46,10,5")))
    writer.start()
    assert read(path) == [Arrival(0.0, 10, 5)]
    writer.join()


def test_zero_lengths_count_as_one_and_disorder_is_sorted_and_both_are_said(tmp_path: Path) -> None:
    path = write(tmp_path, minutes("15:46,0,0", "15:40,7,0", "15:41,1,1", "15:47,1,1"))
    found, notes = read_arrivals(path, None, None, seed=1)
    assert found == [Arrival(0.0, 7, 1), Arrival(1.0, 1, 1), Arrival(6.0, 1, 1), Arrival(7.0, 1, 1)]
    assert notes == (
        "2 requests with a length of 0: counted as 1 token",
        "2 rows were out of order: sorted by time",
    )


@pytest.mark.parametrize("content", [CDF, {"cdf": CDF, "source": "made up", "timestamp": 1}])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_distribution_gives_poisson_arrivals(tmp_path: Path, content: object, indent: int | None) -> None:
    path = write(tmp_path, json.dumps(content, indent=indent))
    found = read(path, limit=2_000, rate=10)
    assert found == read(path, limit=2_000, rate=10)
    assert found[0].at_s == 0
    assert found[-1].at_s == pytest.approx(200, rel=0.1)
    totals = [arrival.prompt_tokens + arrival.output_tokens for arrival in found]
    assert sum(total <= 128 for total in totals) / 2_000 == pytest.approx(0.5, abs=0.05)
    assert max(totals) <= 1_024


OK = "15:46,1,1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "trace is no trace: it is empty"),
        ("\n \n", "trace is no trace: it is empty"),
        (HEAD, "trace is no trace: it has no requests"),
        ("hello\n", "is no trace: expected CSV"),
        ('"hello\n', "is no trace: expected CSV"),
        ("TIMESTAMP,ContextTokens\n", "trace:1: missing column GeneratedTokens"),
        ("\nTIMESTAMP,ContextTokens\n", "trace:2: missing column GeneratedTokens"),
        (minutes(OK) + "yesterday,1,1\n", "trace:3: TIMESTAMP is not a date and time: 'yesterday'"),
        (minutes(OK, "15:61,1,1"), "trace:3: TIMESTAMP is not a date and time: '2023-11-16 18:15:61'"),
        (minutes(OK, "15:nan,1,1"), "trace:3: TIMESTAMP is not a date and time: '2023-11-16 18:15:nan'"),
        (minutes(OK, "15:-1,1,1"), "trace:3: TIMESTAMP is not a date and time"),
        (minutes(OK) + "0001-01-01 00:00:00+23:59,many,1\n", "trace:3: "),
        (minutes(OK) + ",1,1\n", "trace:3: TIMESTAMP is not a date and time: ''"),
        (minutes("15:46,many,1"), "trace:2: not a number of tokens: 'many'"),
        (minutes("15:46,-3,1"), "trace:2: not a number of tokens: '-3'"),
        (minutes("15:46,1.5,1"), "trace:2: not a number of tokens: '1.5'"),
        (minutes("15:46,nan,1"), "trace:2: not a number of tokens: 'nan'"),
        (minutes(OK, "15:46,,1"), "trace:3: not a number of tokens: ''"),
        (minutes(OK, "15:46,1," + "9" * 99), "trace:3: not a number of tokens: '999"),
        (minutes(OK, "15:46,1," + "9" * 9_999), "trace:3: not a number of tokens: '999"),
        (minutes(OK, "15:46,3"), "trace:3: the row ends before GeneratedTokens"),
        (minutes(OK, "15:46,3", "15:46,3,4,5"), "trace:3: the row ends before GeneratedTokens"),
        (minutes(OK, '15:46,"3"', "15:46,3,4,5"), "trace:3: the row ends before GeneratedTokens"),
        (minutes("15:46,1,1", '15:46,"1\n",-1'), "trace:4: not a number of tokens: '-1'"),
        (minutes("15:46,1,1", '15:46,"' + "x" * 200_000), "trace:3: not CSV: field larger"),
        ('{"timestamp": 1, "input_length": 1}\n', "trace:1: missing output_length"),
        (lines(ROW) + '{"timest', "trace:2: not a JSON object"),
        (lines(ROW, [1]), "trace:2: not a JSON object"),
        (lines(ROW) + "\n" + lines({**ROW, "timestamp": "now"}), "trace:3: timestamp is not a number of milliseconds"),
        (lines({**ROW, "timestamp": True}), "trace:1: timestamp is not a number of milliseconds: True"),
        (lines({**ROW, "timestamp": None}), "trace:1: timestamp is not a number of milliseconds: None"),
        (lines({**ROW, "timestamp": float("nan")}), "trace:1: timestamp is not a number of milliseconds: nan"),
        (
            lines({**ROW, "timestamp": 1_700_000_000_000_000_000}),
            "trace:1: timestamp is not a number of milliseconds: 17",
        ),
        (lines({**ROW, "timestamp": 10**400}), "trace:1: timestamp is not a number of milliseconds: 1000"),
        (lines({**ROW, "input_length": 1.5}), "trace:1: not a number of tokens: 1.5"),
        (lines({**ROW, "input_length": -1}), "trace:1: not a number of tokens: -1"),
        (lines({**ROW, "output_length": 10**30}), "trace:1: not a number of tokens: 1000"),
        (lines({**ROW, "output_length": {"a": ["b"] * 99}}), "trace:1: not a number of tokens: {'a'"),
        (lines(ROW) + "[" * 100_000, "trace:2: not a JSON object"),
        ("[[1, 0.5]]", "must be 1"),
        ("[[5, 0.5], [4, 1.0]]", "must rise"),
        ("[1, 2]", "is no distribution"),
        ("[[", "is no distribution"),
        ("[" * 100_000, "is no distribution"),
        ("[[NaN, 1.0]]", "is no distribution"),
        (lines([ROW]), "is no distribution"),
        ('{"cdf": 7}', "is no distribution"),
        ("{}", "is no trace: expected"),
        ('{"requests": []}', "is no trace: expected"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(write(tmp_path, text), limit=10, rate=1)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < len(str(tmp_path)) + 200


def test_missing_files_directories_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no trace at"):
        read(tmp_path / "none")
    with pytest.raises(UsageError, match="cannot read"):
        read(tmp_path)
    (tmp_path / "binary").write_bytes(b"\x00\xff\xfe" * 100)
    with pytest.raises(UsageError, match="not a text file"):
        read(tmp_path / "binary")
    (tmp_path / "utf16").write_bytes(HEAD.encode("utf-16"))
    with pytest.raises(UsageError, match="not a text file"):
        read(tmp_path / "utf16")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_files_that_may_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD)
    path.chmod(0)
    with pytest.raises(UsageError, match=r"cannot read .*: Permission denied"):
        read(path)


def test_lines_without_end_are_refused_before_they_fill_the_memory() -> None:
    with pytest.raises(UsageError, match="/dev/zero:1: no trace has lines of more than 4 MiB"):
        read(Path("/dev/zero"))


def test_a_document_that_is_too_large_for_a_distribution(tmp_path: Path) -> None:
    path = write(tmp_path, "[\n" + f"{'[1, 0.5],' * 1_000}\n" * 2_000)
    with pytest.raises(UsageError, match="one JSON document of more than 16 MiB"):
        read(path, 1, 1)


@pytest.mark.parametrize(("limit", "rate"), [(None, 1.0), (10, None)])
def test_a_distribution_needs_an_end_and_a_rate(tmp_path: Path, limit: int | None, rate: float | None) -> None:
    with pytest.raises(UsageError, match="needs --rate and --limit"):
        read(write(tmp_path, json.dumps(CDF)), limit, rate)


def test_what_comes_after_the_limit_is_not_read(tmp_path: Path) -> None:
    assert len(read(write(tmp_path, minutes(OK, OK, "broken")), limit=2)) == 2
    assert len(read(write(tmp_path, lines(ROW, ROW, "broken")), limit=2)) == 2
    assert len(read(write(tmp_path, minutes(OK, '15:46,"1",1', "broken")), limit=2)) == 2


def test_more_than_can_be_sent_needs_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals_module, "MOST_REQUESTS", 2)
    path = write(tmp_path, lines(ROW, ROW, ROW))
    with pytest.raises(UsageError, match="has more than 2 requests: say with --limit how many to send"):
        read(path)
    assert len(read(path, limit=3)) == 3


def test_a_replay_needs_no_numpy() -> None:
    code = "import sys, tokenlane_cli.replay.command; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
