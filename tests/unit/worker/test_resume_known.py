"""What is put together from checkpoints, ended attempts and readers."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.recovery_pb2 import AttemptEnd, AttemptStart, Checkpoint, Progress, Shown
from tokenlane.v1.reply_pb2 import Head
from tokenlane_worker.resume.known import DIED, Known, assemble, failures, with_shown

HEAD = Head(http_status=200, content_type="text/event-stream")


def said(*words: str) -> bytes:
    return b"".join(b"data: %b\n\n" % word.encode() for word in words)


def delta(attempt: int, first_event: int, *words: str, head: Head | None = None) -> Progress:
    return Progress(checkpoint=Checkpoint(attempt=attempt, first_event=first_event, data=said(*words), head=head))


def ended(attempt: int, handed_over: bool = False) -> Progress:
    return Progress(ended=AttemptEnd(attempt=attempt, worker="w", reason="r", handed_over=handed_over))


def started(attempt: int) -> Progress:
    return Progress(started=AttemptStart(attempt=attempt, worker="w"))


def known_of(*entries: Progress) -> Known:
    return assemble(entries).known


def test_nothing_is_known_of_a_first_attempt() -> None:
    history = assemble([])
    assert (history.known, history.ends, history.progressed) == (Known(), (), frozenset())
    assert failures(1, history, False) == 0


def test_deltas_add_up_and_the_first_head_stays() -> None:
    other = Head(http_status=200, content_type="text/event-stream", lane="long")
    history = assemble([delta(1, 0, "a", "b", head=HEAD), delta(1, 2, "c"), ended(1), delta(2, 3, "d", head=other)])
    assert history.known == Known(4, said("a", "b", "c", "d"), HEAD)
    assert [end.attempt for end in history.ends] == [1]
    assert history.progressed == {1, 2}


def test_a_later_attempt_replaces_what_it_overlaps() -> None:
    assert known_of(delta(1, 0, "a", "b", "c"), delta(2, 1, "x")) == Known(2, said("a", "x"))


@pytest.mark.parametrize("late", [delta(1, 2, "c"), delta(1, 0, "a", "b", "c", "d"), delta(2, 5, "x"), delta(2, 2)])
def test_late_deltas_and_gaps_are_ignored(late: Progress) -> None:
    history = assemble([delta(1, 0, "a"), delta(2, 1, "b"), late])
    assert history.known == Known(2, said("a", "b"))


def test_a_delta_that_was_sent_twice_changes_nothing() -> None:
    first, second = delta(1, 0, "a", "b"), delta(1, 2, "c")
    assert known_of(first, second, first, second) == Known(3, said("a", "b", "c"))


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(0, 3))
def test_deltas_of_one_attempt_are_the_answer_however_they_are_cut(sizes: list[int], again: int) -> None:
    words = [f"w{i}" for i in range(sum(sizes))]
    entries, at = [], 0
    for size in sizes:
        entries += [delta(1, at, *words[at : at + size])] * (1 + again % 2)
        at += size
    assert known_of(*entries) == Known(len(words), said(*words))


def test_what_a_reader_has_shown_goes_on_where_the_checkpoints_end() -> None:
    known = Known(2, said("a", "b"))
    shown = Shown(events=4, first_event=2, tail=said("c", "d"), head=HEAD)
    assert with_shown(known, shown) == Known(4, said("a", "b", "c", "d"), HEAD)


def test_what_a_reader_has_shown_may_overlap() -> None:
    known = Known(2, said("a", "b"))
    assert with_shown(known, Shown(events=3, first_event=1, tail=said("b", "c"))).data == said("a", "b", "c")


@pytest.mark.parametrize(
    "shown",
    [
        Shown(),
        Shown(events=4, first_event=3, tail=said("d")),
        Shown(events=2, first_event=2),
        Shown(events=1, first_event=0, tail=said("a")),
    ],
)
def test_a_reader_that_has_shown_less_or_missed_some_adds_nothing(shown: Shown) -> None:
    known = Known(2, said("a", "b"), HEAD)
    assert with_shown(known, shown) == known


def test_where_a_reader_and_the_checkpoints_differ_the_reader_is_right() -> None:
    known = Known(3, said("a", "b", "c"))
    assert with_shown(known, Shown(events=2, first_event=1, tail=said("x"))) == Known(2, said("a", "x"))


def failed(attempt: int, *entries: Progress) -> int:
    return failures(attempt, assemble(entries), True)


@pytest.mark.parametrize(
    ("attempt", "entries", "count"),
    [
        (2, [], 1),
        # The second and third were only held, or never made.
        (4, [], 1),
        (4, [started(2), started(3)], 3),
        (4, [started(3), ended(3)], 2),
        (4, [started(2), started(3), ended(3, handed_over=True)], 2),
        (4, [started(2), delta(2, 0, "a"), started(3)], 2),
        (2, [ended(1)], 1),
        (2, [ended(1, handed_over=True)], 0),
        (3, [delta(1, 0, "a"), ended(1)], 0),
        (3, [delta(1, 0, "a"), ended(1), started(2)], 1),
        (3, [delta(1, 0, "a"), ended(1, handed_over=True), delta(2, 1, "b")], 0),
        (4, [delta(3, 0, "a")], 1),
    ],
)
def test_attempts_that_failed(attempt: int, entries: Iterable[Progress], count: int) -> None:
    assert failed(attempt, *entries) == count


def test_who_died_without_a_word_is_named_by_the_start() -> None:
    history = assemble([started(2), ended(4), started(3), ended(3)])
    assert [(end.attempt, end.reason) for end in history.ends] == [(2, DIED), (3, "r"), (4, "r")]


def test_a_first_attempt_that_was_not_made_is_no_failure() -> None:
    assert failures(2, assemble([]), first_unseen=False) == 0
    assert failures(3, assemble([started(2)]), first_unseen=False) == 1
