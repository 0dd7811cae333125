"""What is kept of a stream is enough to go on from, and to tell another answer by."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client.frames import event
from tokenlane_client.tail import Tail
from tokenlane_proto import events

words = st.sampled_from([event(text) for text in ("a", "b", '{"id":"1","choices":[{"text":"c"}]}')])


@given(st.lists(words, max_size=12), st.data())
def test_what_checkpoints_hold_is_forgotten_and_still_counts(answer: list[bytes], data: st.DataObject) -> None:
    tail, shown, kept_from = Tail(), 0, 0
    while shown < len(answer):
        more = data.draw(st.integers(1, len(answer) - shown))
        tail.add(b"".join(answer[shown : shown + more]))
        shown += more
        kept_from = data.draw(st.integers(kept_from, shown))
        tail.forget(kept_from)
    assert tail.first == kept_from
    assert tail.data == b"".join(answer[kept_from:])
    assert tail.digest == events.digest(b"".join(answer))


@given(st.lists(words, max_size=8), st.integers(0, 8), st.integers(0, 8))
def test_a_repetition_agrees_wherever_it_begins(answer: list[bytes], kept_from: int, first: int) -> None:
    tail = Tail()
    tail.add(b"".join(answer))
    tail.forget(min(kept_from, len(answer)))
    assert tail.agrees(first, b"".join([*answer, event("more")][first:]))


def test_another_answer_does_not_agree_but_another_id_does() -> None:
    tail = Tail()
    tail.add(event("a") + event('{"id":"1","choices":[]}'))
    assert tail.agrees(1, event('{"id":"2","choices":[]}'))
    assert not tail.agrees(0, event("b"))
    assert not tail.agrees(1, event("a"))


def test_without_the_digest_of_the_beginning_there_is_none() -> None:
    tail = Tail(3, None)
    tail.add(event("a"))
    tail.forget(4)
    assert tail.digest is None
    assert (tail.first, tail.data) == (4, b"")
