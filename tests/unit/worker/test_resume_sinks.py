"""How what a new attempt says is joined to what was shown."""

import json
from typing import Any

import pytest

from tests.unit.worker.answers import HeardSink
from tests.unit.worker.chunks import DONE, ROLE, delta, event, text
from tokenlane_proto import events
from tokenlane_worker.resume.known import Known
from tokenlane_worker.resume.sinks import ContinuedSink, DivergedError, RegeneratedSink

SSE = "text/event-stream; charset=utf-8"


def known(*shown: bytes) -> Known:
    return Known(len(shown), b"".join(shown))


def later(part: bytes) -> bytes:
    """The same event of another attempt."""
    return part.replace(b"chatcmpl-1", b"chatcmpl-22").replace(b'"created":5', b'"created":1234')


def continued(shown: Known, *chunks: bytes, tokens: int = 0) -> HeardSink:
    heard = HeardSink()
    sink = ContinuedSink(heard, shown, tokens)
    sink.head(200, SSE)
    for chunk in chunks:
        sink.data(chunk)
    return heard


def test_the_role_is_said_once_and_the_id_and_time_stay() -> None:
    heard = continued(known(ROLE, delta("a")), later(ROLE), later(delta("b")), later(delta("c")) + DONE)
    assert heard.heads == [(200, SSE)]
    assert heard.chunks == [delta("b"), delta("c") + DONE]


def test_a_chunk_of_nothing_new_is_not_passed_on() -> None:
    assert continued(known(ROLE), later(ROLE)).chunks == []


def test_a_reader_that_saw_no_role_gets_it() -> None:
    assert continued(known(b": hello\n\n"), ROLE, delta("a")).body == ROLE + delta("a")


def test_only_roles_that_were_shown_are_dropped() -> None:
    roles = [delta("", index=index, role="assistant") for index in range(3)]
    rest = [*roles[2:], delta("a"), delta("b", index=1)]
    assert continued(known(*roles[:2]), *map(later, [*roles, *rest[1:]])).body == b"".join(rest)


def test_a_server_that_says_no_role_again_loses_nothing() -> None:
    parts = [delta("b"), delta("", "stop"), DONE]
    assert continued(known(ROLE, delta("a")), *map(later, parts)).body == b"".join(parts)


def test_an_empty_piece_in_the_middle_is_kept() -> None:
    parts = [delta("b"), delta(""), delta("c")]
    assert continued(known(ROLE, delta("a")), *map(later, [ROLE, *parts])).body == b"".join(parts)


def swallowing(again: str, *said: bytes) -> HeardSink:
    heard = HeardSink()
    sink = ContinuedSink(heard, known(ROLE, delta("a")), 1, again)
    sink.head(200, SSE)
    for part in (later(ROLE), *map(later, said)):
        sink.data(part)
    return heard


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ([" b", "c", " d"], [" d"]),
        ([" ", "", "b", "c d"], [" d"]),
        ([" bc", "", " d"], ["", " d"]),
        ([' bcö"', "\n"], ['ö"', "\n"]),
    ],
)
def test_what_was_shown_and_comes_again_is_swallowed(said: list[str], heard: list[str]) -> None:
    parts = events.split(swallowing(" bc", *map(delta, said)).body)
    assert [json.loads(part[6:]) for part in parts] == [json.loads(delta(part)[6:]) for part in heard]


def test_the_end_may_come_with_what_is_said_again() -> None:
    assert swallowing(" bc", delta(" b"), delta("c", "stop"), DONE).body == delta("", "stop") + DONE
    assert swallowing(" bc", delta(" bcd", "length")).body == delta("d", "length")
    assert swallowing(" bc", b": wait\n\n", delta(" bcd")).body == delta("d")


@pytest.mark.parametrize(
    "said",
    [
        [delta(" x")],
        [delta(" b"), delta("x")],
        [delta(" b", "stop")],
        [delta(" b"), delta("", "length")],
        [delta(" b"), DONE],
        [text("")],
    ],
)
def test_something_else_than_what_was_shown_is_no_answer(said: list[bytes]) -> None:
    heard = HeardSink()
    sink = ContinuedSink(heard, known(ROLE, delta("a")), 1, " bc")
    sink.head(200, SSE)
    if said == [text("")]:
        sink.data(b"".join(said))
        assert heard.heads == []
        return
    with pytest.raises(DivergedError):
        sink.data(later(ROLE) + b"".join(map(later, said)))
    assert (heard.heads, heard.chunks) == ([], [])


def usage_event(prompt: int, completion: int, **more: Any) -> bytes:
    return event(
        choices=[],
        usage={"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion} | more,
    )


def test_the_usage_counts_what_was_shown_as_output() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 16}}
    heard = continued(known(ROLE, delta("a")), later(usage_event(39, 5, **details)), tokens=3)
    assert heard.body == usage_event(36, 8, **details)


def test_text_that_looks_like_usage_is_left_alone() -> None:
    said = delta('"usage":{"prompt_tokens": 9')
    assert continued(known(ROLE, delta("a")), said, tokens=3).body == said


def test_an_answer_whose_choices_come_first_is_passed_on_as_it_is() -> None:
    odd = b'data: {"choices":[{"index":0,"delta":{"content":"b"}}],"id":"2"}\n\n'
    assert continued(known(odd), odd).body == odd


@pytest.mark.parametrize("sink", [ContinuedSink, RegeneratedSink])
@pytest.mark.parametrize(("status", "kind"), [(400, "application/json"), (200, "application/json")])
def test_a_refusal_to_go_on_is_no_answer(sink: Any, status: int, kind: str) -> None:
    heard = HeardSink()
    refused = sink(heard, known(ROLE))

    def refuse() -> None:
        refused.head(status, kind)
        refused.data(b'{"error":{"message":"no"}}')

    with pytest.raises(DivergedError, match=str(status)) as caught:
        refuse()
    assert (heard.heads, heard.chunks, caught.value.too_short) == ([], [], False)


def test_a_refusal_tells_whether_the_context_is_too_short_and_needs_no_body() -> None:
    refused = ContinuedSink(HeardSink(), known(ROLE))
    refused.head(400, "application/json")
    with pytest.raises(DivergedError, match="400"):
        refused.end()
    with pytest.raises(DivergedError) as caught:
        refused.data(b'{"error":{"message":"This model\'s maximum context length is 9 tokens."}}')
    assert caught.value.too_short


def regenerated(shown: Known, *chunks: bytes) -> HeardSink:
    heard = HeardSink()
    sink = RegeneratedSink(heard, shown)
    sink.head(200, SSE)
    for chunk in chunks:
        sink.data(chunk)
    return heard


@pytest.mark.parametrize("count", range(5))
def test_what_was_shown_is_swallowed_however_it_comes(count: int) -> None:
    whole = [ROLE, delta("a"), delta("b", index=1), delta("", "stop"), DONE]
    again = b"".join(map(later, whole))
    shown = known(*whole[:count])
    expected = b"".join(whole[count:]) if count else again
    assert regenerated(shown, *events.split(again)).body == expected
    assert regenerated(shown, again).body == expected


def test_text_may_come_again_in_other_events() -> None:
    shown = known(ROLE, delta("{"), delta('"a":'))
    assert regenerated(shown, *map(later, [ROLE, delta('{"a'), delta('": 1'), delta("}")])).body == delta(" 1") + delta(
        "}"
    )


def logprob(value: float) -> bytes:
    logprobs = {"content": [{"token": "a", "logprob": value}]}
    return event(choices=[{"index": 0, "delta": {"content": "a"}, "logprobs": logprobs, "finish_reason": None}])


def call(number: str, arguments: str) -> bytes:
    return delta(tool_calls=[{"index": 0, "id": number, "function": {"name": "look", "arguments": arguments}}])


@pytest.mark.parametrize(("shown", "again"), [(logprob(-0.5), logprob(-0.50001)), (call("x", "{"), call("y", "{"))])
def test_what_differs_from_run_to_run_is_not_compared(shown: bytes, again: bytes) -> None:
    assert regenerated(known(ROLE, shown), later(ROLE), later(again), later(delta("b"))).body == delta("b")


def test_another_tool_call_is_another_answer() -> None:
    with pytest.raises(DivergedError, match="choice 0"):
        regenerated(known(ROLE, call("x", "{")), ROLE, call("x", "["))


def test_choices_may_come_again_in_another_order() -> None:
    ones, twos = [delta("a"), delta("b")], [delta("x", index=1), delta("y", index=1)]
    shown = known(ROLE, delta("", index=1, role="assistant"), ones[0], twos[0], ones[1])
    again = [ROLE, *ones, delta("c"), delta("", index=1, role="assistant"), *twos, DONE]
    assert regenerated(shown, *map(later, again)).body == delta("c") + twos[1] + DONE


def test_an_answer_that_ends_too_soon_is_another_answer() -> None:
    with pytest.raises(DivergedError, match="ended"):
        regenerated(known(ROLE, logprob(-1), logprob(-1)), ROLE, logprob(-1), DONE)


def test_other_text_is_another_answer() -> None:
    with pytest.raises(DivergedError):
        regenerated(known(ROLE, delta("a")), ROLE, delta("b"))


def test_another_answer_ends_at_the_first_event_that_differs() -> None:
    heard = HeardSink()
    sink = RegeneratedSink(heard, known(ROLE, logprob(-1), delta("b")))
    sink.head(200, SSE)
    sink.data(later(ROLE) + later(logprob(-1)))
    with pytest.raises(DivergedError, match="choice 0"):
        sink.data(later(delta("c")))
    assert heard.chunks == []


def test_completions_keep_their_id_too() -> None:
    heard = continued(known(text("a")), later(text("b")))
    assert [json.loads(part[6:])["id"] for part in events.split(heard.body)] == ["chatcmpl-1"]
