"""Numbering the events of a stream."""

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_ingress.accept import START, Position
from tokenlane_ingress.event_ids import EventIds
from tokenlane_proto import events

STREAM = [b'data: {"id":"x","choices":[%d]}\n\n' % number for number in range(6)]


def numbered(ids: EventIds, stream: list[bytes]) -> list[bytes]:
    return events.split(b"".join(ids.write(each) for each in stream))


def test_each_event_says_where_it_is_and_what_came_before() -> None:
    whole = numbered(EventIds(), STREAM)
    assert [event.split(b"\n", 1)[1] for event in whole] == STREAM
    first_line = whole[2].split(b"\n")[0].decode()
    assert first_line == f"id: {events.event_id(3, events.digest(b''.join(STREAM[:3])))}"


@given(st.integers(0, 6), st.booleans(), st.data())
def test_who_goes_on_gets_the_same_ids(after: int, with_digest: bool, data: st.DataObject) -> None:
    digest = events.digest(b"".join(STREAM[:after])) if with_digest or not after else None
    ids = EventIds(Position(after, digest))
    # Without the digest the stream is read from its beginning.
    rest = STREAM[after:] if digest is not None else STREAM
    cut = data.draw(st.integers(0, len(rest)))
    written = ids.write(b"".join(rest[:cut])) + ids.write(b"".join(rest[cut:]))
    assert events.split(written) == numbered(EventIds(), STREAM)[after:]


def test_nothing_is_written_for_nothing() -> None:
    assert EventIds(START).write(b"") == b""
