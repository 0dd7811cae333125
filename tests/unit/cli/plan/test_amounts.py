"""Amounts as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.plan.amounts import counted, hours, money, percent, saving, span


def test_money_and_hours() -> None:
    assert [money(each) for each in (0.0, 12.0, 12.5, 1234.5)] == ["\N{EN DASH}", "12", "12.50", "1,234"]
    assert [hours(each) for each in (0.044, 7.777, 34.96, 1234.5)] == ["0.04", "7.78", "35.0", "1,234"]


@pytest.mark.parametrize(("share", "text"), [(1.0, "100 %"), (0.99996, "99.99 %"), (0.57, "57.00 %"), (0.0, "0.00 %")])
def test_a_share_is_cut(share: float, text: str) -> None:
    assert percent(share) == text


@given(st.integers(0, 9_999))
def test_hundredths_of_a_percent_are_kept(number: int) -> None:
    assert percent(number / 10_000) == f"{number // 100}.{number % 100:02d} %"


def test_savings_spans_and_counts() -> None:
    minus = "\N{MINUS SIGN}"
    assert [saving(each) for each in (0.126, -0.126, 0.004, -0.004)] == ["+13 %", f"{minus}13 %", "0 %", "0 %"]
    assert [span(each) for each in (84.2, 3501.0, 12_600.0)] == ["84.2 s", "58 min", "3.5 h"]
    assert (counted(1, "GPU"), counted(1200, "GPU")) == ("1 GPU", "1,200 GPUs")
