"""A queue that can be ranked anew."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.line.ranked import Ranked


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9))))
def test_the_first_is_the_smallest_of_what_is_there(steps: list[tuple[int, int | None]]) -> None:
    ranked: Ranked[int, int] = Ranked()
    there: dict[int, int] = {}
    for item, rank in steps:
        if rank is None:
            ranked.discard(item)
            there.pop(item, None)
        else:
            ranked.put(item, rank)
            there[item] = rank
        assert ranked.first() == min(((rank, item) for item, rank in there.items()), default=None)
        assert len(ranked) == len(there)


def test_what_is_outdated_does_not_pile_up() -> None:
    ranked: Ranked[int, int] = Ranked()
    for rank in range(10_000):
        ranked.put(1, -rank)
        ranked.put(2, 1)
        ranked.discard(2)
    assert len(ranked._heap) < 100
