"""Not more is learned than is of use."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_classifier.sampling import Sampling


def taken(sampling: Sampling, second: int, count: int) -> list[str]:
    ids = [f"r{second}-{number}" for number in range(count)]
    return [name for place, name in enumerate(ids) if sampling.takes(name, second * 1_000 + place * 1_000 // count)]


@given(st.lists(st.integers(0, 50), max_size=20))
def test_up_to_the_most_all_are_taken(counts: list[int]) -> None:
    sampling = Sampling(50)
    assert [len(taken(sampling, second, count)) for second, count in enumerate(counts, start=1)] == counts


def test_of_more_about_the_most_are_taken_from_the_second_second_on_and_not_many_more_in_the_first() -> None:
    sampling = Sampling(100)
    assert 200 < len(taken(sampling, 1, 1_000)) < 400
    assert all(70 < len(taken(sampling, second, 1_000)) < 130 for second in range(2, 10))
    assert len(taken(sampling, 10, 50)) < 50
    assert len(taken(sampling, 11, 50)) == 50


def test_after_a_pause_all_are_taken_again() -> None:
    sampling = Sampling(10)
    taken(sampling, 1, 1_000)
    assert len(taken(sampling, 3, 10)) == 10


def test_replicas_take_the_same() -> None:
    one, other = Sampling(10), Sampling(10)
    assert [taken(one, second, 55) for second in (1, 2, 3)] == [taken(other, second, 55) for second in (1, 2, 3)]
