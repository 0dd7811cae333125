"""Who has far more than others."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.line.presence import Presence


def presence(**amounts: float) -> Presence:
    here = Presence()
    for tenant, amount in amounts.items():
        here.enter(tenant, tenant, amount)
    return here


def test_who_is_alone_is_not_ahead() -> None:
    assert not presence(a=1e9).is_ahead("a")


def test_who_has_far_more_than_the_mean_of_the_others_is_ahead() -> None:
    here = presence(a=41, b=5, c=15)
    assert [here.is_ahead(tenant) for tenant in "abcd"] == [True, False, False, False]
    assert not presence(a=40, b=5, c=15).is_ahead("a")


def test_what_came_twice_counts_once_and_what_left_not() -> None:
    here = presence(a=100, b=1)
    here.enter("b", "b", 1e6)
    assert here.is_ahead("a")
    here.enter("other", "b", 100)
    assert not here.is_ahead("a")
    here.leave("other")
    here.leave("other")
    assert here.is_ahead("a")
    here.leave("b")
    assert not here.is_ahead("a")


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.floats(1, 1e6), st.booleans()), max_size=60))
def test_nothing_is_left_of_what_left(steps: list[tuple[int, str, float, bool]]) -> None:
    here = Presence()
    for key, tenant, amount, comes in steps:
        if comes:
            here.enter(key, tenant, amount)
        else:
            here.leave(key)
    for key in range(10):
        here.leave(key)
    here.enter("x", "x", 1.0)
    assert not here.is_ahead("x")
    here.enter("y", "y", 4.5)
    assert here.is_ahead("y")
