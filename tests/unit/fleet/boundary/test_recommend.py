"""What recorded traffic asks for, and the curve beside it."""

import random

import pytest

from tests.unit.fleet.boundary.traffics import alike, chat, lanes, lengths_of, long_heavy
from tokenlane_fleet.boundary import BoundarySettings, LaneCapacity, Lengths, recommend


def test_the_recommendation_is_on_the_curve_and_near_its_best() -> None:
    found = recommend(lengths_of(long_heavy(3_000, random.Random(1))), lanes(), rate=7.5)
    boundaries = [outlook.boundary for outlook in found.curve]
    assert boundaries == sorted(boundaries, key=lambda boundary: boundary or 0)
    assert found.decision.uppers[0].upper in boundaries
    outlook = found.decision.outlook
    assert outlook is not None
    best = min(each.short_ttft_s for each in found.curve if each.utilisation <= BoundarySettings().full)
    assert outlook.short_ttft_s <= 1.25 * best + 0.03
    assert found.decision.reason
    assert not found.decision.changed


def test_shares_of_requests_and_work_rise_with_the_boundary() -> None:
    found = recommend(lengths_of(chat(3_000, random.Random(1))), lanes(), rate=20)
    shares = [outlook.lanes[0].share for outlook in found.curve]
    works = [outlook.lanes[0].work for outlook in found.curve]
    assert shares == sorted(shares)
    assert works == sorted(works)
    for outlook in found.curve:
        assert sum(lane.share for lane in outlook.lanes) == pytest.approx(1)
        assert sum(lane.work for lane in outlook.lanes) == pytest.approx(1)


def test_utilisation_grows_with_the_rate() -> None:
    lengths = lengths_of(chat(3_000, random.Random(1)))
    slow, fast = (recommend(lengths, lanes(), rate=rate).curve[5].utilisation for rate in (5, 10))
    assert fast == pytest.approx(2 * slow)


def test_one_lane_is_recommended_where_more_do_not_pay() -> None:
    found = recommend(lengths_of(alike(1_000, random.Random(1))), lanes(elastic=True), rate=2)
    assert found.decision.collapsed
    assert found.single is not None
    assert found.single.boundary is None
    assert found.decision.reason.startswith("the traffic is uniform")


def test_an_overloaded_fleet_still_gets_an_answer() -> None:
    found = recommend(lengths_of(long_heavy(1_000, random.Random(1))), lanes(1, 1), rate=50)
    assert found.decision.outlook is not None
    assert found.decision.outlook.utilisation > 1


def test_a_model_with_one_lane() -> None:
    found = recommend(lengths_of(chat(1_000, random.Random(1))), lanes()[:1])
    assert [lane.lane for lane in found.decision.uppers] == ["short"]
    assert found.curve == ()


def test_too_little_traffic_is_said() -> None:
    assert "needed" in recommend(lengths_of(chat(20, random.Random(1))), lanes()).decision.reason
    assert "needed" in recommend(Lengths(), lanes()).decision.reason


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one lane"):
        recommend(Lengths(), [])
    with pytest.raises(ValueError, match="lane x"):
        LaneCapacity("x", -1, 1_000, 8_192)
    with pytest.raises(ValueError, match="lane x"):
        LaneCapacity("x", 1, 0, 8_192)
