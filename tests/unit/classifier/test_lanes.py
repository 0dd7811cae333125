"""Every budget has a lane, and more tokens never mean a shorter one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.lanes import choose, fitting, lanes_of
from tokenlane_proto.lane_setting import LaneSetting, parse_lanes

TWO = parse_lanes("short:8192,long")
TOKENS = st.integers(0, 2**33)


def test_boundaries_are_read_in_order() -> None:
    assert parse_lanes("tiny:1024, short:8192 ,long") == (
        LaneSetting("tiny", 1024),
        LaneSetting("short", 8192),
        LaneSetting("long", None),
    )
    assert parse_lanes("only") == (LaneSetting("only", None),)


@pytest.mark.parametrize(
    "text",
    ["", "short:8192", "short:0,long", "short:-1,long", "short:x,long", "a:2,b:1,c", "a:1,a", "a.b:1,c", "a,b"],
)
def test_wrong_boundaries_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_lanes(text)


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
    boundaries = tuple(LaneSetting(name, upper) for name, upper in zip(names, bounds, strict=True))
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


def test_it_fits_the_first_lane_whose_engines_hold_it() -> None:
    lanes = lanes_of(TWO, {"short": 16_384, "long": 65_536})
    assert [fitting(lanes, total) for total in (1, 16_384, 16_385, 65_536, 10**9)] == ["short"] * 2 + ["long"] * 3


def test_lanes_with_equal_engines_fit_in_the_order_of_the_settings() -> None:
    for lengths in ({"short": 8_192, "long": 8_192}, {"long": 8_192, "short": 8_192}):
        assert fitting(lanes_of(TWO, lengths), 10) == "short"
        assert fitting(lanes_of(TWO, lengths), 10**6) == "long"


@given(st.dictionaries(st.sampled_from(["short", "long", "other"]), st.integers(1, 2**20), min_size=1), TOKENS)
def test_what_fits_a_lane_is_held_by_its_engines(lengths: dict[str, int], total: int) -> None:
    name = fitting(lanes_of(TWO, lengths), total)
    assert total <= lengths[name] or lengths[name] == max(lengths.values())
    assert all(length < total for length in lengths.values() if length < lengths[name])


def test_boundaries_that_moved_stand_in_place_of_the_settings() -> None:
    lengths = {"short": 16_384, "long": 65_536}
    lanes = lanes_of(TWO, lengths, parse_lanes("short:2048,long"))
    assert [choose(lanes, total) for total in (2_048, 2_049)] == ["short", "long"]
    beyond = lanes_of(TWO, lengths, parse_lanes("short:32768,long"))
    assert [choose(beyond, total) for total in (16_384, 16_385)] == ["short", "long"]


def test_a_lane_that_is_left_out_gets_only_what_no_other_holds() -> None:
    lengths = {"short": 16_384, "long": 65_536}
    long_only = lanes_of(TWO, lengths, parse_lanes("long"))
    assert [choose(long_only, total) for total in (1, 65_536, 10**6)] == ["long"] * 3
    assert fitting(long_only, 1) == "short"
    short_only = lanes_of(TWO, lengths, parse_lanes("short"))
    assert [choose(short_only, total) for total in (1, 16_384, 16_385)] == ["short", "short", "long"]
    assert short_only.max_model_len == 65_536


def test_lanes_in_lanes_that_the_model_lacks_change_nothing() -> None:
    lengths = {"short": 16_384, "long": 65_536}
    assert lanes_of(TWO, lengths, parse_lanes("tiny:9,huge")) == lanes_of(TWO, lengths)
    partly = lanes_of(TWO, lengths, parse_lanes("tiny:9,short:1024,long"))
    assert [choose(partly, total) for total in (5, 1_025)] == ["short", "long"]
