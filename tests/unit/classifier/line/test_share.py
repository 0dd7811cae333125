"""Work ahead of a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.line.backlog import Backlog, Spot
from tokenlane_classifier.line.share import Share
from tokenlane_classifier.line.waiting import Priority

WORK = st.floats(0.1, 1e6)
WEIGHT = st.floats(0.1, 10)


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.tuples(WORK, WEIGHT)),
    st.floats(0, 1e7, allow_subnormal=False),
)
def test_until_a_level_each_is_served_that_much_or_all_it_waits_with(
    tenants: dict[str, tuple[float, float]], level: float
) -> None:
    share = Share()
    for name, (work, weight) in tenants.items():
        share.change(name, work, weight)
    exact = sum(min(work, level * weight) for work, weight in tenants.values())
    assert exact * 0.999 <= share.until(level) <= exact * 1.19 + 1e-6


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Priority), WORK, WEIGHT)))
def test_what_leaves_leaves_nothing(many: list[tuple[str, Priority, float, float]]) -> None:
    backlog = Backlog()
    spots = []
    for tenant, priority, work, weight in many:
        spots.append(backlog.spot(tenant, priority, work, weight))
        backlog.enter(spots[-1])
    for spot in spots[::2] + spots[1::2]:
        backlog.leave(spot)
    assert backlog.requests == 0
    assert backlog.ahead(backlog.spot("a", Priority.BATCH, 1.0, 1.0)) == pytest.approx(0.0, abs=1e-3)


def entered(backlog: Backlog, tenant: str, work: float, priority: Priority = Priority.STANDARD) -> Spot:
    spot = backlog.spot(tenant, priority, work, 1.0)
    backlog.enter(spot)
    return spot


def test_ahead_is_what_is_of_higher_priority_and_what_the_tenant_entered_before() -> None:
    backlog = Backlog()
    first, second = entered(backlog, "a", 100.0), entered(backlog, "a", 50.0)
    entered(backlog, "b", 10.0, Priority.INTERACTIVE)
    entered(backlog, "c", 999.0, Priority.BATCH)
    assert backlog.ahead(first) == pytest.approx(10.0)
    assert backlog.ahead(second) == pytest.approx(110.0)
    backlog.leave(first)
    assert backlog.ahead(second) == pytest.approx(10.0)


def test_who_waits_with_little_is_not_behind_all_that_another_waits_with() -> None:
    backlog = Backlog()
    last = [entered(backlog, "flood", 100.0) for _ in range(100)][-1]
    light = entered(backlog, "light", 100.0)
    assert backlog.ahead(light) <= 120.0
    assert backlog.ahead(last) == pytest.approx(10_000.0, rel=0.05)
    coming = backlog.spot("new", Priority.STANDARD, 100.0, 1.0)
    assert 200.0 <= backlog.ahead(coming) <= 240.0
