"""A request that is in two places counts once, and runs once."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.classifier.dispatch.given import MODEL, NOW_S, candidate, gone, hold, room, state
from tokenlane_classifier.dispatch.state import Fate, State
from tokenlane_classifier.line.limits import TenantLimits, Usage
from tokenlane_classifier.line.waiting import Place, Waiting

PLACE = Place("short", "short")
R1 = ("acme", "r1")
LIMITED = TenantLimits(tokens_in_flight=150, tokens_per_minute=1_000, requests_queued=5)


def usage(knows: State) -> tuple[int, int, int]:
    found: Usage = knows.accounts.usage("acme")
    return found.queued, found.in_flight, found.lost


def named(knows: State, now_s: float, *running: str) -> None:
    knows.heard(room(10_000, running=running, whole=True), now_s)


def test_what_waits_and_is_named_by_a_worker_runs_and_its_copy_goes() -> None:
    knows = state(LIMITED)
    assert knows.recall(candidate(held_seq=7), NOW_S) is Fate.WAITS
    named(knows, NOW_S, "r1")
    assert (usage(knows), knows.copies(), knows.copies()) == ((0, 100, 0), [7], [])
    assert gone(knows) == []
    knows.used(R1, 60, 40, NOW_S + 1)
    assert usage(knows) == (0, 0, 0)


def test_what_runs_and_is_found_where_it_waited_is_a_copy() -> None:
    knows = state(LIMITED)
    named(knows, NOW_S, "r1")
    assert knows.recall(candidate(held_seq=7), NOW_S) is Fate.COPY
    assert (usage(knows), gone(knows)) == ((0, 100, 0), [])


def test_what_ended_does_not_wait_on() -> None:
    knows = state(LIMITED)
    hold(knows, "r1", 7)
    knows.used(R1, 60, 40, NOW_S)
    assert (usage(knows), knows.copies()) == ((0, 0, 0), [7])
    named(knows, NOW_S)
    assert gone(knows) == []


def test_what_was_let_go_and_is_still_there_is_let_go_again() -> None:
    knows = state(LIMITED)
    hold(knows, "r1", 7)
    named(knows, NOW_S)
    assert gone(knows) == [7]
    assert knows.recall(candidate(held_seq=7), NOW_S) is Fate.GOING
    knows.crew(MODEL).counted(PLACE, 0, NOW_S + 5)
    knows.sweep(NOW_S + 6)
    assert usage(knows) == (0, 0, 100)
    assert knows.recall(candidate(held_seq=7), NOW_S + 7) is Fate.WAITS
    assert usage(knows) == (1, 0, 0)
    named(knows, NOW_S + 7)
    assert gone(knows, NOW_S + 7) == [7]
    named(knows, NOW_S + 8, "r1")
    knows.used(R1, 60, 40, NOW_S + 9)
    assert usage(knows) == (0, 0, 0)


def test_a_second_message_of_what_waits_is_a_copy() -> None:
    knows = state(LIMITED)
    hold(knows, "r1", 7)
    assert knows.recall(candidate(held_seq=9), NOW_S) is Fate.COPY
    assert knows.held(candidate(held_seq=9), NOW_S) is Fate.COPY
    named(knows, NOW_S)
    assert gone(knows) == [7]
    assert usage(knows) == (0, 100, 0)


def test_who_did_not_hear_that_it_is_to_wait_went_on() -> None:
    knows = state(LIMITED)
    found = knows.apply(candidate(), NOW_S, 0.0)
    assert isinstance(found, Waiting)
    knows.wait(candidate(), found, NOW_S)
    knows.used(R1, 20, 10, NOW_S + 1)
    assert usage(knows) == (0, 0, 0)
    assert knows.accounts.buckets(NOW_S + 1)["acme"] <= 30, "of 100 tokens 70 came back, once"
    assert knows.sweep(NOW_S + 60) == []
    assert knows.accounts.usage("acme").queued == 0


def test_what_nobody_admitted_gives_nothing_back() -> None:
    knows = state(LIMITED)
    found = knows.apply(candidate("other"), NOW_S, 0.0)
    assert isinstance(found, Waiting)
    taken = knows.accounts.buckets(NOW_S)["acme"]
    named(knows, NOW_S, "r1")
    knows.used(R1, 1, 1, NOW_S)
    assert knows.accounts.buckets(NOW_S)["acme"] == taken


EVENTS = st.sampled_from(["ask", "held", "recall", "copy", "named", "silent", "used", "cancel", "room", "sweep"])


@given(st.lists(st.tuples(EVENTS, st.sampled_from(["r1", "r2"]), st.sampled_from([0.1, 3.0, 6.0, 20.0])), max_size=40))
def test_whatever_happens_nothing_is_counted_for_ever(events: list[tuple[str, str, float]]) -> None:
    knows, now_s = state(LIMITED), NOW_S
    for event, name, later_s in events:
        now_s += later_s
        seq = {"r1": 1, "r2": 2}[name]
        match event:
            case "ask":
                found = knows.apply(candidate(name), now_s, 0.0)
                if isinstance(found, Waiting) and found.seq < 0:
                    knows.wait(candidate(name), found, now_s)
            case "held":
                knows.held(candidate(name, seq), now_s)
            case "recall":
                knows.recall(candidate(name, seq), now_s)
            case "copy":
                knows.recall(candidate(name, seq + 10), now_s)
            case "named":
                named(knows, now_s, name)
            case "silent":
                named(knows, now_s)
            case "used":
                knows.used(("acme", name), 60, 40, now_s)
            case "cancel":
                knows.gone(("acme", name), now_s)
            case "room":
                gone(knows, now_s)
            case "sweep":
                knows.sweep(now_s)
    for name in ("r1", "r2"):
        knows.gone(("acme", name), now_s)
    named(knows, now_s)
    knows.crew(MODEL).counted(PLACE, 0, now_s + 60)
    for second in (1, 7, 31, 60):
        knows.sweep(now_s + second)
    assert usage(knows) == (0, 0, 0)
