"""What the flags say, and what they must not say."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.errors import UsageError
from tokenlane_cli.plan.question import check_hardware, objectives, parse_limits


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("1s", (1.0, None)),
        ("80ms", (0.08, None)),
        ("1.5s,5s", (1.5, 5.0)),
        (" 200 ms , 2min ", (0.2, 120.0)),
        (".5s,1m", (0.5, 60.0)),
        ("250us", (0.00025, None)),
    ],
)
def test_durations(text: str, limits: tuple[float, float | None]) -> None:
    assert parse_limits("--slo-ttft", text) == pytest.approx(limits)


@pytest.mark.parametrize(
    "text", ["", "1", "s", "-1s", "0s", "1s,", "1s,2s,3s", "1 day", "1e3s", "nan s", "٣s", "9" * 400 + "s"]
)
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="--slo-tpot: "):
        parse_limits("--slo-tpot", text)


@given(st.integers(1, 10**6))
def test_units_are_consistent(number: int) -> None:
    assert parse_limits("x", f"{number}ms")[0] == pytest.approx(number / 1000)
    assert parse_limits("x", f"{number}s,{number}min") == pytest.approx((number, number * 60))


@given(st.text(max_size=20))
def test_any_text_is_a_limit_above_zero_or_refused(text: str) -> None:
    try:
        short, long = parse_limits("x", text)
    except UsageError:
        return
    assert 0 < short < float("inf")
    assert long is None or 0 < long < float("inf")


def test_long_requests_have_five_times_the_first_token_and_the_same_pace() -> None:
    asked = objectives("1s", "80ms", 4096, 4000, 0.99)
    assert (asked.ttft_s, asked.long_ttft_s, asked.tpot_s, asked.long_tpot_s) == (1.0, 5.0, 0.08, 0.08)
    asked = objectives("1s,3s", "80ms,150ms", 4096, 4000, 0.99)
    assert (asked.long_ttft_s, asked.long_tpot_s) == (3.0, 0.15)


def test_one_class_has_one_limit() -> None:
    assert objectives("2s", "50ms", 0, 4000, 1.0).class_boundary == 0
    with pytest.raises(UsageError, match="two classes"):
        objectives("1s,5s", "80ms", 0, 4000, 0.99)


@pytest.mark.parametrize("attainment", [0.0, -1.0, 1.01, 99.0, float("nan")])
def test_attainment_is_a_share(attainment: float) -> None:
    with pytest.raises(UsageError, match="--attainment"):
        objectives("1s", "80ms", 4096, 4000, attainment)


def test_the_engine_is_named_once() -> None:
    check_hardware("llama-3-70b", "h100", 4, None, True)
    check_hardware("", "", None, Path("profile.json"), False)
    with pytest.raises(UsageError, match="--model and --gpu"):
        check_hardware("llama-3-70b", "", None, None, False)
    with pytest.raises(UsageError, match="leave out"):
        check_hardware("", "", 4, Path("profile.json"), True)
