"""Every budget has a lane, and more tokens never mean a shorter one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.lanes import LaneBoundary, choose, lanes_of, parse_boundaries

TWO = parse_boundaries("short:8192,long")
TOKENS = st.integers(0, 2**33)


def test_boundaries_are_read_in_order() -> None:
    assert parse_boundaries("tiny:1024, short:8192 ,long") == (
        LaneBoundary("tiny", 1024),
        LaneBoundary("short", 8192),
        LaneBoundary("long", None),
    )
    assert parse_boundaries("only") == (LaneBoundary("only", None),)


@pytest.mark.parametrize(
    "text",
    ["", "short:8192", "short:0,long", "short:-1,long", "short:x,long", "a:2,b:1,c", "a:1,a", "a.b:1,c", "a,b"],
)
def test_wrong_boundaries_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_boundaries(text)


@given(
    st.lists(st.integers(1, 2**20), min_size=1, max_size=6, unique=True),
    st.lists(st.integers(1, 2**20), min_size=6, max_size=6),
    st.sets(st.integers(0, 5), min_size=1),
    TOKENS,
    TOKENS,
)
def test_more_tokens_never_mean_a_shorter_lane(
    uppers: list[int], lengths: list[int], registered: set[int], one: int, other: int
) -> None:
    names = [f"lane{index}" for index in range(len(uppers))]
    bounds = [*sorted(uppers)[:-1], None]
    boundaries = tuple(LaneBoundary(name, upper) for name, upper in zip(names, bounds, strict=True))
    present = [name for index, name in enumerate(names) if index in registered] or names
    lanes = lanes_of(boundaries, dict(zip(present, sorted(lengths), strict=False)))
    low, high = sorted((one, other))
    order = [lane.name for lane in lanes.lanes]
    assert order.index(choose(lanes, low)) <= order.index(choose(lanes, high))


def test_the_boundary_itself_belongs_to_the_shorter_lane() -> None:
    lanes = lanes_of(TWO, {"short": 16_384, "long": 65_536})
    assert [choose(lanes, total) for total in (0, 8_192, 8_193, 65_536, 10**9)] == ["short"] * 2 + ["long"] * 3


def test_a_lane_is_not_chosen_for_more_than_its_engines_take() -> None:
    lanes = lanes_of(TWO, {"short": 4_096, "long": 65_536})
    assert [choose(lanes, total) for total in (4_096, 4_097)] == ["short", "long"]


def test_what_no_lane_holds_goes_to_the_largest() -> None:
    assert choose(lanes_of(TWO, {"short": 4_096}), 10**6) == "short"
    assert choose(lanes_of(TWO, {"short": 8_192, "long": 8_192}), 10**6) == "long"
    assert choose(lanes_of(TWO, {"short": 16_384, "long": 8_192}), 10**6) == "short"


def test_lanes_that_the_settings_do_not_name_are_used_where_they_name_none() -> None:
    lanes = lanes_of(TWO, {"large": 65_536, "small": 4_096})
    assert [choose(lanes, total) for total in (1, 5_000, 10**6)] == ["small", "large", "large"]
    assert lanes.max_model_len == 65_536
