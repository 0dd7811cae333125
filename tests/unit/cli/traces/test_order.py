"""Rows in the order of time, whatever order they are in, as long as they are not far from their places."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Block, Findings
from tokenlane_cli.traces.ordered import in_order

HELD = 20
FILE = Path("trace")


def blocks(times: list[float], size: int) -> Iterator[Block]:
    for first in range(0, len(times), size):
        part = times[first : first + size]
        ids = list(range(first, first + len(part)))
        yield Block(part, ids, ids, [number + 2 for number in ids])


def sorted_ids(times: list[float], size: int, findings: Findings) -> list[int]:
    given = in_order(FILE, blocks(times, size), findings, HELD)
    return [each for block in given for each in block.prompts]


@given(st.lists(st.integers(0, 9), max_size=200), st.integers(1, 50))
def test_what_is_moved_within_the_bound_is_sorted(steps: list[int], size: int) -> None:
    times = [float(index + step) for index, step in enumerate(steps)]
    findings = Findings()
    assert sorted_ids(times, size, findings) == sorted(range(len(times)), key=times.__getitem__)
    assert findings.unordered == sum(1 for index in range(len(times)) if times[index] < max(times[: index + 1]))


@given(st.integers(2 * HELD, 200), st.integers(1, 50))
def test_what_comes_far_too_late_is_refused_with_its_line(rows: int, size: int) -> None:
    times = [*(float(row) for row in range(1, rows + 1 + 2 * size)), 0.5]
    with pytest.raises(UsageError, match=rf"^trace:{len(times) + 1}: .* before a row more than 20 rows above: sort"):
        sorted_ids(times, size, Findings())


def test_ordered_rows_pass_as_they_are() -> None:
    findings = Findings()
    assert sorted_ids([1.0] * 99, 7, findings) == list(range(99))
    assert findings.notes() == ()
