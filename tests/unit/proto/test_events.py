"""Events are counted and cut as the client sees them, whatever stands in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_proto import events

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20).map(str.encode)
EVENT = st.builds(lambda text, end: b"data: " + text + end, TEXT, st.sampled_from([b"\n\n", b"\r\n\r\n"]))


@given(st.lists(EVENT))
def test_splitting_loses_nothing_and_counting_agrees(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert events.split(data) == parts
    assert events.count(data) == len(parts)


@given(st.lists(EVENT), st.integers(0, 10))
def test_skipping_leaves_the_rest(parts: list[bytes], skipped: int) -> None:
    assert events.skip(b"".join(parts), skipped) == b"".join(parts[skipped:])


def test_an_unfinished_event_is_none() -> None:
    assert events.count(b"data: 1\n\ndata: 2") == 1
    assert events.split(b"data: 1\n\ndata: 2") == [b"data: 1\n\n"]


@given(st.lists(EVENT), st.integers(0, 10))
def test_a_digest_goes_on_where_another_ended(parts: list[bytes], cut: int) -> None:
    first, second = b"".join(parts[:cut]), b"".join(parts[cut:])
    assert events.digest(second, events.digest(first)) == events.digest(first + second)


def test_the_same_words_have_the_same_digest_whatever_the_attempt_is_called() -> None:
    first = b'data: {"id":"a","created":1,"choices":[{"text":"word"}]}\n\n'
    second = b'data: {"id":"b","created":2,"choices":[{"text":"word"}]}\n\n'
    other = b'data: {"id":"a","created":1,"choices":[{"text":"ward"}]}\n\n'
    assert events.digest(first) == events.digest(second) != events.digest(other)


def test_ids_number_the_events_and_change_nothing_else() -> None:
    data = b'data: {"choices":[1]}\n\ndata: [DONE]\n\n'
    with_ids, number, digest = events.with_ids(data, 4, 7)
    lines = with_ids.splitlines(keepends=True)
    assert b"".join(line for line in lines if not line.startswith(b"id:")) == data
    assert (number, digest) == (6, events.digest(data, 7))
    assert lines[3] == f"id: {events.event_id(6, digest)}\n".encode()


@given(st.integers(0, 999_999_999), st.integers(0, 2**32 - 1))
def test_an_id_is_read_as_it_was_written(number: int, digest: int) -> None:
    assert events.parse_event_id(events.event_id(number, digest)) == (number, digest)


@pytest.mark.parametrize("text", ["", "x", "-1", "1-", "1-xyz", "1-00000000-1", "1" * 10, "1 2"])
def test_what_is_no_id_is_none(text: str) -> None:
    assert events.parse_event_id(text) is None


def test_a_bare_number_is_an_id_without_a_digest() -> None:
    assert events.parse_event_id(" 12 ") == (12, None)
