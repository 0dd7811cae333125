"""Who is let in, and when the others may come again."""

import pytest

from tokenlane_classifier.line.backlog import Spot
from tokenlane_classifier.line.outlook import PATIENCE, Coming, Outlook, patience_s
from tokenlane_classifier.line.waiting import Priority

STANDARD = Priority.STANDARD


def warmed(rate: float) -> Outlook:
    """At 100 seconds it has been serving this much a second for a while."""
    outlook = Outlook()
    spots = [outlook.enter("x", STANDARD, rate / 10, 1.0, 0.0) for _ in range(1_000)]
    for number, spot in enumerate(spots):
        outlook.leave(spot, True, 0.1 * (number + 1))
    return outlook


def filled(outlook: Outlook, works: int, now_s: float, tenant: str = "a") -> list[Spot]:
    return [outlook.enter(tenant, STANDARD, 100.0, 1.0, now_s) for _ in range(works)]


def coming(key: str, tenant: str = "a", patience: float = 2.0) -> Coming:
    return Coming(key, tenant, STANDARD, 100.0, 1.0, patience)


def refused(outlook: Outlook, request: Coming, now_s: float, jitter: float = 0.0) -> int:
    found = outlook.refuse(request, now_s, jitter)
    assert found is not None
    assert found.status == 503
    assert found.retry_after_ms is not None
    return found.retry_after_ms


def test_the_wait_is_the_work_ahead_over_the_rate() -> None:
    outlook = warmed(1_000.0)
    assert outlook.rate(100.0) == pytest.approx(1_000.0, rel=0.02)
    first, *_, last = filled(outlook, 50, 100.0)
    assert outlook.wait_s(first, 100.0) == pytest.approx(0.0, abs=0.1)
    assert outlook.wait_s(last, 100.0) == pytest.approx(4.9, rel=0.05)
    assert (outlook.position(first), outlook.position(last)) == (0, 49)
    assert outlook.turn_s("a", 100.0) is None
    assert outlook.turn_s("x", 100.0) == pytest.approx(0.1, rel=0.05)


def test_nobody_is_refused_for_a_rate_that_is_not_known() -> None:
    outlook = Outlook()
    filled(outlook, 10_000, 0.0)
    assert outlook.refuse(coming("k"), 0.1, 0.0) is None


def test_each_is_told_another_time_and_comes_in_at_it() -> None:
    outlook = warmed(1_000.0)
    filled(outlook, 50, 100.0)
    told = [refused(outlook, coming(f"k{number}"), 100.0) for number in range(5)]
    assert told == sorted(told)
    assert told[0] == pytest.approx(3_000, rel=0.05)
    assert told[4] - told[0] == pytest.approx(400, rel=0.05)
    assert outlook.promised(100.0) == 5


def test_asking_again_before_its_time_changes_nothing() -> None:
    outlook = warmed(1_000.0)
    filled(outlook, 50, 100.0)
    first = refused(outlook, coming("k"), 100.0, jitter=0.9)
    assert refused(outlook, coming("k"), 101.0) == pytest.approx(first - 1_000, abs=2)
    assert outlook.promised(101.0) == 1


def test_who_comes_at_its_time_is_let_in_and_who_comes_newly_is_not() -> None:
    outlook = warmed(1_000.0)
    spots = filled(outlook, 50, 100.0)
    told_s = refused(outlook, coming("k"), 100.0) / 1_000
    others = [refused(outlook, coming(f"o{number}"), 100.0) for number in range(20)]
    for spot in spots[: round(told_s * 10)]:
        outlook.leave(spot, True, 100.0 + told_s)
    assert refused(outlook, coming("new"), 100.0 + told_s) > 0
    assert outlook.refuse(coming("k"), 100.0 + told_s, 0.0) is None
    assert len(others) == 20


def test_places_that_nobody_comes_for_are_given_up() -> None:
    outlook = warmed(1_000.0)
    spots = filled(outlook, 50, 100.0)
    for number in range(100):
        refused(outlook, coming(f"k{number}"), 100.0)
    for number, spot in enumerate(spots):
        outlook.leave(spot, True, 100.0 + number / 10)
    assert outlook.refuse(coming("early"), 105.0, 0.0) is None
    assert outlook.promised(105.0) > 0
    assert outlook.refuse(coming("late"), 200.0, 0.0) is None
    assert outlook.promised(200.0) == 0


def test_a_tenant_with_little_waiting_is_let_in_while_another_floods() -> None:
    outlook = warmed(1_000.0)
    filled(outlook, 50, 100.0, "flood")
    for number in range(1_000):
        outlook.refuse(coming(f"k{number}", "flood"), 100.0, 0.5)
    assert outlook.refuse(coming("k", "light"), 100.0, 0.0) is None


def test_a_place_is_not_promised_for_too_long() -> None:
    outlook = warmed(1_000.0)
    filled(outlook, 10_000, 100.0)
    assert refused(outlook, coming("k"), 100.0, jitter=0.5) == 900_000
    assert outlook.promised(100.0) == 0


def test_of_a_fleet_that_served_nothing_yet_nothing_is_known() -> None:
    outlook = Outlook()
    spot = outlook.enter("a", STANDARD, 100.0, 1.0, 0.0)
    assert outlook.wait_s(spot, 10.0) == 0.0
    assert outlook.refuse(coming("k"), 10.0, 0.0) is None


@pytest.mark.parametrize(("deadline_s", "patience"), [(None, 10 * PATIENCE - 1), (105.0, 5.0), (90.0, 0.0)])
def test_patience_is_by_the_limit_and_the_deadline(deadline_s: float | None, patience: float) -> None:
    assert patience_s(10.0, 1.0, deadline_s, 100.0) == patience
