"""A trace as arrays: what is kept of it, what is said of it, how much memory it takes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.arrivals import read_arrivals
from tokenlane_cli.traces.busiest import Busiest, Columns
from tokenlane_cli.traces.load import load
from tokenlane_cli.traces.summary import Summary, exact
from tokenlane_fleet.sim.trace import Trace

CDF = [[64, 0.25], [128, 0.5], [1024, 1.0]]


def write_lines(path: Path, rows: list[tuple[float, int, int]]) -> Path:
    names = ("timestamp", "input_length", "output_length")
    path.write_text("".join(f"{json.dumps(dict(zip(names, row, strict=True)))}\n" for row in rows))
    return path


def test_a_short_trace_is_kept_whole(tmp_path: Path) -> None:
    loaded = load(write_lines(tmp_path / "t.jsonl", [(1000, 10, 0), (3000, 20, 2), (2000, 30, 3)]))
    assert loaded.trace.name == "t.jsonl"
    assert loaded.trace.arrival_s.tolist() == [0, 1, 2]
    assert loaded.trace.prompt_tokens.tolist() == [10, 30, 20]
    assert loaded.trace.output_tokens.tolist() == [1, 3, 2]
    assert (loaded.facts.requests, loaded.facts.duration_s, loaded.facts.rate) == (3, 2, 1)
    assert (loaded.facts.total.p50, loaded.facts.total.longest) == (22, 33)
    assert len(loaded.notes) == 2


def test_limit_and_rate(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t", [(1000 * each, 1, 1) for each in range(10)])
    loaded = load(path, limit=5, rate=10)
    assert loaded.trace.arrival_s == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert loaded.facts.rate == 1


def test_times_that_are_all_the_same_cannot_be_stretched(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t", [(5, 1, 1)] * 3)
    assert load(path).facts.rate == 0
    with pytest.raises(UsageError, match="all requests come at once"):
        load(path, rate=1)


def test_a_distribution_gives_the_requests_that_a_replay_sends(tmp_path: Path) -> None:
    path = tmp_path / "cdf"
    path.write_text(json.dumps(CDF))
    loaded = load(path, limit=500, rate=5, seed=3)
    sent, _ = read_arrivals(path, 500, 5, 3)
    assert loaded.trace.rate == pytest.approx(5)
    assert loaded.trace.prompt_tokens.tolist() == [each.prompt_tokens for each in sent]
    assert loaded.notes == ("500 requests drawn from a distribution, 15% of each as output, arriving at random",)
    assert len(load(path, rate=5, window=100).trace) == 100
    assert len(load(path, rate=5, limit=1).trace) == 1
    with pytest.raises(UsageError, match="it needs --rate"):
        load(path)


def test_of_a_longer_trace_the_busiest_stretch_is_kept_and_said(tmp_path: Path) -> None:
    rows = [(1000.0 * each, 100, 10) for each in range(3_000)]
    rows[2_000:2_100] = [(1000.0 * each, 5_000, 10) for each in range(2_000, 2_100)]
    loaded = load(write_lines(tmp_path / "t", rows), window=100)
    assert loaded.trace.prompt_tokens.tolist() == [5_000] * 100
    assert loaded.facts.requests == 3_000
    assert loaded.notes == (
        "the busiest 100 of 3,000 requests in a row, by tokens a second: from 0.56 h to 0.58 h of 0.83 h",
    )


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50)), min_size=1, max_size=60),
    st.integers(1, 20),
    st.integers(1, 30),
)
def test_the_stretch_is_the_busiest_of_all(steps: list[tuple[int, int]], window: int, size: int) -> None:
    at = np.cumsum([step[0] for step in steps]).astype(np.float64)
    rows = np.array([at, [float(step[1]) for step in steps], np.ones(len(steps))])
    busiest = Busiest(window)
    for first in range(0, len(steps), size):
        busiest.add(rows[:, first : first + size])
    found = busiest.found()
    if len(steps) <= window:
        assert found.tolist() == rows.tolist()
        return

    def rate(part: Columns) -> float:
        return float(part[1:].sum() / max(part[0, -1] - part[0, 0], 1e-9))

    stretches = [rows[:, first : first + window] for first in range(len(steps) - window + 1)]
    assert any(found.tolist() == stretch.tolist() for stretch in stretches)
    assert rate(found) == pytest.approx(max(map(rate, stretches)))


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=300))
def test_quantiles_counted_in_passing_are_close(lengths: list[int]) -> None:
    trace = Trace("t", np.arange(len(lengths)) / 2, np.array(lengths), np.ones(len(lengths), dtype=np.int64))
    summary = Summary()
    for part in np.array_split(np.array([trace.arrival_s, trace.prompt_tokens, trace.output_tokens]), 3, axis=1):
        if part.size:
            summary.add(part)
    counted, wanted = summary.facts(), exact(trace)
    assert (counted.requests, counted.rate) == (wanted.requests, wanted.rate)
    assert counted.output == wanted.output
    for found, true in zip(
        (counted.prompt.p50, counted.prompt.p90, counted.prompt.p99, counted.prompt.longest),
        (wanted.prompt.p50, wanted.prompt.p90, wanted.prompt.p99, wanted.prompt.longest),
        strict=True,
    ):
        assert found == pytest.approx(true, rel=0.008)


READ_FROM_STDIN = """
import resource
from pathlib import Path
from tokenlane_cli.traces.load import load
most_kb = []
loaded = load(
    Path("/dev/stdin"),
    window=1_000,
    on_progress=lambda read, size: most_kb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss),
)
print(loaded.facts.requests, len(loaded.trace), most_kb[len(most_kb) // 4], most_kb[-1])
"""


def test_memory_does_not_grow_with_the_file() -> None:
    seconds = "".join(f"2023-11-16 MINUTE:{at / 1000:09.6f},{at % 4000},{at % 300}\n" for at in range(60_000))
    with subprocess.Popen(
        [sys.executable, "-c", READ_FROM_STDIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for minute in range(28):
            reader.stdin.write(seconds.replace("MINUTE", f"18:{minute:02}"))
        reader.stdin.close()
        requests, kept, early_kb, late_kb = map(int, reader.stdout.read().split())
    assert (requests, kept) == (28 * 60_000, 1_000)
    # 60 MB went through; a tenth of the rows as Python objects would take more than this.
    assert late_kb - early_kb < 8_192
