"""What is known of engines' prefix caches."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.line.holders import Holders
from tokenlane_proto.prefixes import Prefix


def prefix(number: int) -> Prefix:
    return Prefix("a", number, 0)


def test_what_ran_is_held_until_a_whole_cache_was_computed_since() -> None:
    holders = Holders()
    holders.works("w", 1_000)
    holders.ran("w", prefix(1), 100)
    holders.ran("w", prefix(2), 500)
    assert set(holders.held("w")) == {prefix(1), prefix(2)}
    holders.ran("w", prefix(2), 499)
    assert set(holders.held("w")) == {prefix(1), prefix(2)}
    holders.ran("w", None, 1)
    assert set(holders.held("w")) == {prefix(2)}


def test_who_is_not_there_holds_nothing() -> None:
    holders = Holders()
    holders.ran("w", prefix(1), 100)
    assert not holders.held("w")
    holders.works("w", 1_000)
    holders.ran("w", prefix(1), 100)
    holders.left("w")
    holders.works("w", 1_000)
    assert not holders.held("w")


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 400)), max_size=400))
def test_it_is_what_a_cache_that_drops_the_oldest_would_hold(ran: list[tuple[int, int]]) -> None:
    holders, uses, computed = Holders(), dict[int, int](), 0
    holders.works("w", 1_000)
    for number, tokens in ran:
        computed += tokens
        uses[number] = computed
        holders.ran("w", prefix(number), tokens)
    held = {prefix(number) for number, at in uses.items() if computed - at < 1_000}
    assert set(holders.held("w")) <= held
    assert len(holders.held("w")) == min(len(held), 128)
