"""What workers can take, less what is on its way."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.classifier.line.requests import waiting
from tokenlane_classifier.line.crew import Credit, Crew, Offer
from tokenlane_classifier.line.waiting import Place

SHORT, LONG = Place("short", "short"), Place("long", "long")
HELPED = Place("long", "short")


def tell(crew: Crew, worker: str, credit: Mapping[Place, int], now_s: float = 0.0, **taken: int) -> None:
    took = {SHORT: taken["taken"]} if taken else {}
    crew.heard(worker, {place: Offer(Credit(tokens, 10)) for place, tokens in credit.items()}, took, now_s)


def test_nobody_has_no_room() -> None:
    assert list(Crew().rooms().room) == []


def test_a_place_has_the_room_of_all_who_name_it() -> None:
    crew = Crew()
    tell(crew, "a", {SHORT: 100})
    tell(crew, "b", {SHORT: 100, LONG: 0})
    for seq in (1, 2):
        assert list(crew.rooms().room) == [SHORT]
        crew.sent(waiting(seq, prompt=100, output=0), 0.0)
    assert list(crew.rooms().room) == []


def test_what_goes_to_one_place_takes_room_of_others_of_the_same_workers() -> None:
    crew = Crew()
    tell(crew, "a", {SHORT: 100, HELPED: 100})
    tell(crew, "b", {LONG: 100})
    crew.sent(waiting(1, prompt=100, output=0), 0.0)
    assert list(crew.rooms().room) == [LONG]


def test_sequences_and_prefill_bind_as_tokens_do() -> None:
    crew = Crew()
    crew.heard("a", {SHORT: Offer(Credit(1_000, 1)), LONG: Offer(Credit(1_000, 10, 50))}, {}, 0.0)
    assert set(crew.rooms().room) == {SHORT, LONG}
    crew.sent(waiting(1, prompt=50, output=0), 0.0)
    assert list(crew.rooms().room) == []


def test_who_has_far_more_leaves_prompt_tokens_to_others() -> None:
    crew = Crew()
    crew.heard("a", {SHORT: Offer(Credit(100, 10, 400), Credit(100, 10, 390), 360)}, {}, 0.0)
    assert (set(crew.rooms().spare), set(crew.rooms().idle)) == ({SHORT}, set())
    crew.sent(waiting(1, prompt=40, output=0), 0.0)
    assert (set(crew.rooms().room), set(crew.rooms().spare)) == ({SHORT}, set())


def test_batch_leaves_what_others_may_come_to_take() -> None:
    crew = Crew()
    crew.heard("a", {SHORT: Offer(Credit(100, 10), Credit(40, 2, 0))}, {}, 0.0)
    crew.heard("b", {SHORT: Offer(Credit(0, 5), Credit(20, 2, 0)), LONG: Offer(Credit(0, 5))}, {}, 0.0)
    assert (set(crew.rooms().room), set(crew.rooms().idle)) == ({SHORT}, {SHORT})
    crew.sent(waiting(1, prompt=40, output=0), 0.0)
    assert (set(crew.rooms().room), set(crew.rooms().idle)) == ({SHORT}, set())
    crew.left("b")
    assert set(crew.rooms().idle) == {SHORT}


def test_what_was_taken_is_not_on_its_way_any_more() -> None:
    crew = Crew()
    tell(crew, "a", {SHORT: 100})
    crew.sent(waiting(1, prompt=100, output=0), 0.0)
    tell(crew, "a", {SHORT: 50}, taken=1)
    assert list(crew.rooms().room) == [SHORT]
    assert not crew.is_underway(SHORT)


def test_who_is_silent_is_gone() -> None:
    crew = Crew()
    tell(crew, "a", {SHORT: 100}, now_s=0.0)
    tell(crew, "b", {LONG: 100}, now_s=4.0)
    crew.forget_silent(6.0)
    assert list(crew.rooms().room) == [LONG]


def test_the_brokers_count_mends_what_was_not_heard() -> None:
    crew = Crew()
    tell(crew, "a", {SHORT: 100})
    crew.sent(waiting(1, prompt=100, output=0), 0.0)
    crew.counted(SHORT, 0, 1.0)
    assert crew.is_underway(SHORT), "it may just have been sent"
    crew.counted(SHORT, 0, 3.0)
    assert not crew.is_underway(SHORT)
    crew.counted(SHORT, 2, 3.0)
    assert crew.is_underway(SHORT)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-1, 100), st.integers(-1, 100)), max_size=30))
def test_sums_are_those_of_what_was_told_last(told: list[tuple[str, int, int]]) -> None:
    crew, last = Crew(), {}
    for worker, short, long in told:
        last[worker] = {place: tokens for place, tokens in ((SHORT, short), (LONG, long)) if tokens >= 0}
        tell(crew, worker, last[worker])
    anew = Crew()
    for worker, credit in last.items():
        tell(anew, worker, credit)
    assert set(crew.rooms().room) == set(anew.rooms().room)
