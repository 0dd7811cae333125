"""Which lanes a model has."""

import pytest

from tokenlane.v1.lane_pb2 import Boundaries, LaneProfile, LaneUpper
from tokenlane_classifier.lanes import choose
from tokenlane_classifier.registry import Registry
from tokenlane_proto import topology
from tokenlane_proto.lane_setting import LaneSetting, lanes_in, parse_lanes

MODEL = "m/x.y"
KEY = topology.model_key(MODEL)


def registry(model: str = MODEL) -> Registry:
    return (
        Registry(parse_lanes("short:8192,long"))
        .updated("short", LaneProfile(lane="short", model=model, max_model_len=16_384))
        .updated("long", LaneProfile(lane="long", model=model, max_model_len=65_536))
    )


def message(*lanes: tuple[str, int]) -> Boundaries:
    return Boundaries(lanes=[LaneUpper(lane=name, upper_tokens=upper) for name, upper in lanes])


def lane_of(registry: Registry, total: int, model: str = MODEL) -> str:
    return choose(registry.models[model], total)


def test_lanes_in_a_model_move_and_come_back() -> None:
    moved = registry().bounded(KEY, lanes_in(message(("short", 1_024), ("long", 0))))
    assert (lane_of(registry(), 1_025), lane_of(moved, 1_025)) == ("short", "long")
    assert lane_of(moved.bounded(KEY, None), 1_025) == "short"
    assert moved.bounded(KEY, None) == registry()


def test_other_models_keep_theirs() -> None:
    moved = registry("other").bounded(KEY, parse_lanes("long"))
    assert lane_of(moved, 1, "other") == "short"


def test_boundaries_may_come_before_the_lanes() -> None:
    early = Registry(parse_lanes("short:8192,long")).bounded(KEY, parse_lanes("short:1024,long"))
    late = early.updated("long", LaneProfile(lane="long", model=MODEL, max_model_len=65_536)).updated(
        "short", LaneProfile(lane="short", model=MODEL, max_model_len=16_384)
    )
    assert (lane_of(late, 1_024), lane_of(late, 1_025)) == ("short", "long")


def test_one_lane_may_take_it_all() -> None:
    moved = registry().bounded(KEY, lanes_in(message(("long", 0))))
    assert [lane_of(moved, total) for total in (1, 10**6)] == ["long", "long"]


@pytest.mark.parametrize(
    "wrong",
    [
        message(),
        message(("short", 5), ("short", 9)),
        message(("short", 9), ("long", 9)),
        message(("short", 0), ("long", 9)),
        message(("short", 9), ("long", 5)),
    ],
)
def test_boundaries_that_make_no_sense_are_refused(wrong: Boundaries) -> None:
    with pytest.raises(ValueError, match=r"."):
        lanes_in(wrong)


def test_the_last_lane_may_have_a_boundary() -> None:
    assert lanes_in(message(("short", 9), ("long", 0))) == parse_lanes("short:9,long")
    assert lanes_in(message(("short", 9), ("long", 20)))[-1] == LaneSetting("long", 20)
