"""Whose queues a worker takes from, and when."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_worker.held import PATIENCE_S, Held
from tokenlane_worker.pulling import Queue, Turns, other_sources, own_sources

LANES = st.sampled_from("abcde")
CONTEXTS = st.dictionaries(LANES, st.integers(1, 1000), max_size=5)


@given(CONTEXTS, LANES, st.integers(1, 1000))
def test_nothing_that_may_not_fit_is_taken_from_others(contexts: dict[str, int], own: str, largest: int) -> None:
    for source in other_sources((own,), contexts, largest):
        assert source.queue.lane != own
        assert source.need == contexts[source.queue.fits] <= largest
        assert (source.turn > 0, source.urgency, source.rank) == (True, 1, 1)


@given(CONTEXTS, st.lists(LANES, min_size=1, max_size=3, unique=True))
def test_no_own_queue_is_left_out(contexts: dict[str, int], own: list[str]) -> None:
    sources = own_sources(own, contexts, 100)
    queues = [source.queue for source in sources]
    assert sorted(queues) == sorted(Queue(lane, fits) for lane in own for fits in {*own, *contexts})
    assert {(source.turn, source.rank) for source in sources} == {(0, 0)}
    assert [source.urgency for source in sources] == sorted(own.index(source.queue.lane) for source in sources)
    assert queues[0] == Queue(own[0], own[0])


@given(CONTEXTS, LANES, st.integers(1, 1000))
def test_no_queue_is_both_own_and_other(contexts: dict[str, int], own: str, largest: int) -> None:
    queues = [source.queue for source in (*own_sources((own,), contexts, 1), *other_sources((own,), contexts, largest))]
    assert len(queues) == len(set(queues))


def test_shorter_lanes_are_more_urgent() -> None:
    found = other_sources(("b",), {"a": 30, "b": 20, "c": 10}, 20)
    assert [(source.queue, source.turn) for source in found] == [
        (Queue("c", "b"), 1),
        (Queue("c", "c"), 1),
        (Queue("a", "b"), 2),
        (Queue("a", "c"), 2),
    ]


def test_a_turn_comes_when_all_before_it_had_nothing() -> None:
    turns = Turns(1.0, 0.0)
    assert [turns.wait_s(turn, 0.5) for turn in range(3)] == [0, 0.5, 0.5]
    turns.served(0, 0.5)
    assert [turns.wait_s(turn, 1.0) for turn in range(3)] == [0, 0.5, 0.5]
    turns.served(1, 1.25)
    assert [turns.wait_s(turn, 2.0) for turn in range(3)] == [0, 0, 0.25]
    turns.served(2, 2.0)
    turns.asked(2.0)
    assert [turns.wait_s(turn, 2.5) for turn in range(3)] == [0, 0.5, 0.5]
    assert [turns.wait_s(turn, 3.0) for turn in range(3)] == [0, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 10)), max_size=20), st.integers(1, 3), st.floats(10, 20))
def test_who_waits_as_long_as_it_is_told_may_ask(served: list[tuple[int, float]], turn: int, now_s: float) -> None:
    turns = Turns(0.5, 0.0)
    for other, at_s in sorted(served, key=lambda each: each[1]):
        turns.served(other, at_s)
    wait_s = turns.wait_s(turn, now_s)
    assert 0 <= wait_s <= 0.5
    assert turns.wait_s(turn, now_s + wait_s + 1e-9) == 0


def test_the_most_urgent_begins_first_and_of_these_the_first() -> None:
    held: Held[str] = Held()
    for number, (name, urgency) in enumerate([("borrowed", 2), ("b", 1), ("a", 0), ("later", 0)]):
        held.add(name, urgency, number)
    order = []
    while (first := held.first(4.0)) is not None:
        order.append(first)
        held.remove(first)
    assert order == ["a", "later", "b", "borrowed"]
    assert not held


def test_what_is_held_keeps_out_what_is_not_more_urgent() -> None:
    held: Held[str] = Held()
    assert not held.blocks(9, 0.0)
    held.add("b", 1, 0.0)
    assert [held.blocks(urgency, 1.0) for urgency in range(3)] == [False, True, True]


def test_nobody_waits_for_room_for_ever() -> None:
    held: Held[str] = Held()
    held.add("old", 1, 0.0)
    held.add("new", 0, 1.0)
    assert held.first(PATIENCE_S) == "new"
    assert held.first(PATIENCE_S + 0.5) == "old"
    assert held.blocks(0, PATIENCE_S + 0.5)
