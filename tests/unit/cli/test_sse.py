"""Counting events that the network cuts anywhere."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tokenlane_cli.replay.sse import EventCounter, StreamEnd, error_message


def stream(tokens: int) -> bytes:
    chunk = {"choices": [{"delta": {"content": 'a "usage" of\n\ndata: [DONE]'}}], "usage": None}
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": tokens}}
    events = [json.dumps(chunk)] * tokens + [json.dumps(usage), "[DONE]"]
    return "".join(f"data: {event}\n\n" for event in events).encode()


def fed(data: bytes, cuts: list[int]) -> EventCounter:
    counter = EventCounter()
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for begin, end in pairwise(places):
        if begin != end:
            counter.feed(data[begin:end])
    return counter


@given(tokens=st.integers(0, 30), cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_wherever_it_is_cut_events_and_usage_are_the_same(tokens: int, cuts: list[int]) -> None:
    counter = fed(stream(tokens), cuts)
    assert counter.events == tokens + 2
    assert counter.end() == StreamEnd(7, tokens)


@given(tokens=st.integers(0, 5), comments=st.integers(1, 3), cuts=st.lists(st.integers(0, 1_000), max_size=12))
def test_comments_are_no_events(tokens: int, comments: int, cuts: list[int]) -> None:
    counter = fed(b": queue position 3, expected start in 2.0 s\n\n" * comments + stream(tokens), cuts)
    assert counter.events == tokens + 2
    assert fed(b": queue position 3\n\n", cuts).events == 0


def test_cut_between_all_newlines() -> None:
    data = stream(3)
    assert fed(data, list(range(len(data)))).events == 5


def test_a_stream_without_its_end_broke_off() -> None:
    assert fed(stream(3)[:-14], []).end().error == "the stream broke off"
    assert EventCounter().end().error == "the stream broke off"


def test_an_error_in_the_stream_is_its_end() -> None:
    counter = EventCounter()
    counter.feed(b'data: {"choices": []}\n\ndata: {"error": {"message": "the engine died"}}\n\ndata: [DONE]\n\n')
    assert counter.end().error == "the engine died"


def test_a_stream_without_usage_says_nothing_about_tokens() -> None:
    counter = EventCounter()
    counter.feed(b'data: {"choices": []}\n\ndata: [DONE]\n\n')
    assert counter.end() == StreamEnd()


def test_error_bodies_of_any_shape() -> None:
    assert error_message(b'{"error": {"message": "no such model"}}') == "no such model"
    assert error_message(b"<html>Bad gateway</html>") == "<html>Bad gateway</html>"
    assert error_message(b'{"error": "plain"}') == '{"error": "plain"}'
    assert error_message(b"") == "empty answer"
