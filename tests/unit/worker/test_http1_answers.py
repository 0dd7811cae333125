"""However an answer is cut on its way, the sink hears the same: the head once, whole events, or one body."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.worker.answers import HeardSink, chunked, event, whole
from tokenlane_worker.engine.http1_connection import Http1Connection

EVENTS = [event('{"a":1}'), event('{"b":"\u00e9"}'), event("[DONE]")]
STREAM = chunked(EVENTS)
BODY = b'{"choices":[]}'


class NullTransport:
    def writelines(self, parts: Iterable[bytes]) -> None: ...

    def abort(self) -> None: ...


async def hear(pieces: list[bytes]) -> tuple[HeardSink, Http1Connection]:
    connection, sink = Http1Connection(lambda _: None), HeardSink()
    connection.connection_made(cast(asyncio.Transport, NullTransport()))
    exchange = asyncio.ensure_future(connection.exchange(b"", b"", sink))
    await asyncio.sleep(0)
    for piece in pieces:
        connection.data_received(piece)
    await exchange
    return sink, connection


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(set(places)), len(data)]
    return [data[a:b] for a, b in pairwise(bounds) if a < b]


async def test_a_stream_cut_at_every_byte_arrives_in_whole_events() -> None:
    for place in range(1, len(STREAM)):
        sink, connection = await hear([STREAM[:place], STREAM[place:]])
        assert sink.body == b"".join(EVENTS)
        assert sink.heads == [(200, "text/event-stream; charset=utf-8")]
        assert all(chunk.endswith(b"\n\n") for chunk in sink.chunks)
        assert connection.reusable


@given(st.lists(st.integers(1, len(STREAM) - 1)))
@settings(deadline=None)
async def test_a_stream_cut_anywhere_arrives_in_whole_events(places: list[int]) -> None:
    sink, _ = await hear(cut(STREAM, places))
    assert sink.body == b"".join(EVENTS)
    assert all(chunk.endswith(b"\n\n") for chunk in sink.chunks)


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1), st.lists(st.integers(1, 2000)))
@settings(deadline=None)
async def test_any_stream_arrives_unchanged(parts: list[bytes], places: list[int]) -> None:
    data = chunked(parts)
    sink, _ = await hear(cut(data, [place for place in places if place < len(data)]))
    assert sink.body == b"".join(parts)


async def test_events_of_one_wake_up_are_one_chunk() -> None:
    sink, _ = await hear([STREAM])
    assert sink.chunks == [b"".join(EVENTS)]


async def test_what_is_left_of_a_stream_is_handed_over_at_its_end() -> None:
    sink, _ = await hear([chunked([b"data: 1\n\nda", b"ta: 2"])])
    assert sink.body == b"data: 1\n\ndata: 2"


async def test_a_body_cut_at_every_byte_arrives_at_once() -> None:
    for answer in (whole(BODY), chunked([BODY[:5], BODY[5:]], b"application/json")):
        for place in range(1, len(answer)):
            sink, connection = await hear([answer[:place], answer[place:]])
            assert (sink.heads, sink.chunks) == ([(200, "application/json")], [BODY])
            assert connection.reusable


async def test_an_interim_answer_is_passed_over() -> None:
    sink, _ = await hear([b"HTTP/1.1 100 Continue\r\n\r\n" + whole(BODY)])
    assert (sink.heads, sink.chunks) == ([(200, "application/json")], [BODY])


async def test_a_server_that_wants_to_close_is_not_used_again() -> None:
    _, connection = await hear([whole(BODY, extra=b"connection: close\r\n")])
    assert not connection.reusable
