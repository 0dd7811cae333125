"""A request whose worker died, drained or lost its claim: the next attempt ends it, once."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.support.engines import CHAT, ScriptedEngine
from tests.support.waiting import until
from tests.unit.worker.rig import STREAM, Rig, running
from tokenlane.v1.recovery_pb2 import AttemptEnd, AttemptStart, Checkpoint, Progress, Shown, Started
from tokenlane.v1.reply_pb2 import Head, Outcome
from tokenlane.v1.request_pb2 import ReplyFormat
from tokenlane_chassis import results
from tokenlane_chassis.bus import Message
from tokenlane_proto import codec, events, headers, subjects, topology
from tokenlane_worker.engine.errors import EngineLostError

HEAD = Head(http_status=200, content_type="text/event-stream; charset=utf-8")
BODY = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "go"}]}).encode()


def event(text: str, answer_id: str = "chatcmpl-r1") -> bytes:
    body = {"id": answer_id, "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": None}]
    return b"data: %b\n\n" % json.dumps(body | {"choices": choices}, separators=(",", ":")).encode()


ONE, TWO, THREE = event("one "), event("two "), event("three")


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as rig:
        yield rig


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_worker.recovery._ASK_S", 0.05)
    monkeypatch.setattr("tokenlane_worker.retrying.RETRY_S", 0)
    monkeypatch.setattr("tokenlane_worker.checkpointing._FIRST_S", 0.01)


async def keep(rig: Rig, *entries: Progress) -> None:
    for entry in entries:
        await rig.bus.publish_durable(subjects.progress("acme", "r1"), entry.SerializeToString())


def checkpoint(data: bytes, first_event: int = 0, attempt: int = 1) -> Progress:
    return Progress(checkpoint=Checkpoint(attempt=attempt, first_event=first_event, data=data, head=HEAD))


async def second_attempt(rig: Rig, deliveries: int = 1, **fields: object) -> None:
    """A request that earlier workers had: the first `deliveries` are let go of by hand."""
    await rig.worker._pulls.stop()
    await rig.send("r1", **{"facts": STREAM, "body": BODY, **fields})  # type: ignore[arg-type]
    (stored,) = rig.bus.stored[topology.LANES]
    stored.attempts = deliveries
    await rig.worker._pulls.start()


async def show(rig: Rig, shown: Shown) -> list[Started]:
    """A reader at the request's inbox that has shown something; returns the questions that it gets."""
    asked: list[Started] = []

    def answer(message: Message) -> None:
        asked.append(codec.decode_started(message.data))
        rig.bus.post(message.reply, shown.SerializeToString())

    await rig.bus.subscribe("shown.acme.door.r1", answer)
    return asked


async def test_a_stored_result_is_the_answer_of_every_later_attempt(rig: Rig) -> None:
    await results.store(
        rig.bus, "acme", "r1", b"first", results.result_headers("r1", 1, Outcome.OUTCOME_COMPLETED, 200, "text/plain")
    )
    await keep(rig, checkpoint(ONE))
    await second_attempt(rig)
    assert await rig.settled(1) == ["ack"]
    assert rig.engine.calls == []
    frame = await rig.frame()
    assert (frame.terminal.outcome, frame.data, frame.HasField("head")) == (Outcome.OUTCOME_COMPLETED, b"", False)
    assert frame.first_event > 1_000_000, "no reader takes it for the end of what it has"
    assert rig.result().data == b"first"
    assert rig.progress() == []


async def test_a_plain_inbox_is_sent_the_stored_result(rig: Rig) -> None:
    fields = results.result_headers("r1", 1, Outcome.OUTCOME_COMPLETED, 200, "application/json")
    await results.store(rig.bus, "acme", "r1", CHAT, fields)
    await second_attempt(rig, reply_format=ReplyFormat.REPLY_FORMAT_PLAIN)
    message = await asyncio.wait_for(rig.frames.get(), 5)
    assert (message.data, message.headers[headers.OUTCOME]) == (CHAT, "completed")


async def test_a_result_that_another_attempt_stored_meanwhile_counts(rig: Rig) -> None:
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    await results.store(
        rig.bus, "acme", "r1", b"other", results.result_headers("r1", 2, Outcome.OUTCOME_COMPLETED, 200, "text/plain")
    )
    rig.engine.finish.set()
    assert await rig.settled(1) == ["ack"]
    frame = await rig.frame()
    assert frame.HasField("terminal")
    assert frame.data == b""
    assert rig.result().data == b"other"
    assert not [message for message in rig.bus.posted if message.subject == "usage.acme"]


async def test_a_stream_goes_on_from_its_checkpoints_and_what_was_shown(rig: Rig) -> None:
    await keep(rig, checkpoint(ONE))
    asked = await show(rig, Shown(events=2, first_event=1, tail=TWO, head=HEAD))
    rig.engine.streamed = [event("three", "chatcmpl-other")]
    await second_attempt(rig)
    first, last = await rig.frame(), await rig.frame()
    assert (first.attempt, first.first_event, first.data) == (2, 2, THREE)
    assert first.head.content_type.startswith(events.EVENT_STREAM)
    assert first.checkpointed_events == 1
    assert (last.first_event, last.data) == (3, events.DONE)
    assert asked[0].attempt == 2
    sent = json.loads(rig.engine.calls[0])
    assert sent["messages"][-1] == {"role": "assistant", "content": "one two "}
    assert sent["continue_final_message"] is True
    assert await rig.settled(1) == ["ack"]
    assert rig.result().data == ONE + TWO + THREE + events.DONE
    assert rig.progress() == []


async def test_a_stream_that_was_over_only_gets_its_end(rig: Rig) -> None:
    finish = ONE.replace(b'"finish_reason":null', b'"finish_reason":"stop"')
    await keep(rig, checkpoint(ONE + finish))
    await second_attempt(rig)
    frame = await rig.frame()
    assert (frame.first_event, frame.data) == (2, events.DONE)
    assert frame.HasField("terminal")
    assert rig.engine.calls == []
    assert rig.result().data == ONE + finish + events.DONE


async def test_what_cannot_be_continued_ends_with_a_clear_error(rig: Rig) -> None:
    body = json.loads(BODY) | {"logprobs": True}
    await keep(rig, checkpoint(ONE))
    await second_attempt(rig, body=json.dumps(body).encode())
    frame = await rig.frame()
    assert (frame.terminal.http_status, frame.terminal.code) == (502, "stream_interrupted")
    assert await rig.settled(1) == ["ack"]
    assert rig.result().headers[headers.CODE] == "stream_interrupted"


async def test_what_cannot_be_continued_begins_anew_where_nothing_was_shown(rig: Rig) -> None:
    body = json.loads(BODY) | {"logprobs": True}
    await keep(rig, checkpoint(ONE))
    await show(rig, Shown())
    rig.engine.streamed = [TWO]
    await second_attempt(rig, body=json.dumps(body).encode())
    assert ((await rig.frame()).first_event, (await rig.frame()).first_event) == (0, 1)
    assert await rig.settled(1) == ["ack"]
    assert rig.result().data == TWO + events.DONE


async def test_a_greedy_stream_is_generated_again_and_what_was_shown_is_swallowed(rig: Rig) -> None:
    body = json.loads(BODY) | {"logprobs": True, "temperature": 0}
    await keep(rig, checkpoint(ONE))
    rig.engine.streamed = [event("one ", "chatcmpl-other") + event("two ", "chatcmpl-other")]
    await second_attempt(rig, body=json.dumps(body).encode())
    frame = await rig.frame()
    assert (frame.first_event, frame.data) == (1, TWO)
    assert await rig.settled(1) == ["ack"]
    assert rig.result().data == ONE + TWO + events.DONE


async def test_a_greedy_stream_that_comes_out_differently_ends_with_an_error(rig: Rig) -> None:
    body = json.loads(BODY) | {"logprobs": True, "temperature": 0}
    await keep(rig, checkpoint(ONE))
    rig.engine.streamed = [TWO]
    await second_attempt(rig, body=json.dumps(body).encode())
    assert (await rig.frame()).terminal.code == "stream_interrupted"
    assert await rig.settled(1) == ["ack"]


async def test_checkpoints_hold_the_stream_and_go_when_it_ends(rig: Rig) -> None:
    rig.engine.streamed = [ONE, TWO]
    rig.engine.hold = True
    await rig.send("r1", facts=STREAM, body=BODY)
    await until(lambda: bool(rig.progress()), 5)
    (entry,) = rig.progress()
    assert (entry.checkpoint.attempt, entry.checkpoint.first_event, entry.checkpoint.data) == (1, 0, ONE + TWO)
    assert entry.checkpoint.head.http_status == 200
    rig.engine.finish.set()
    frames = [await rig.frame() for _ in range(3)]
    assert frames[-1].checkpointed_events == 2
    assert await rig.settled(1) == ["ack"]
    await until(lambda: not rig.progress(), 5)


async def test_a_drain_hands_a_stream_over_through_a_checkpoint(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_worker.checkpointing._FIRST_S", 60)
    rig.engine.streamed = [ONE, TWO]
    rig.engine.hold = True
    await rig.send("r1", facts=STREAM, body=BODY)
    await rig.calls(1)
    other = ScriptedEngine()
    other.streamed = [THREE]
    successor = rig.worker_on(other, "short-b")
    await rig.worker.drain(0)
    kept, ended = rig.progress()
    assert kept.checkpoint.data == ONE + TWO
    assert (ended.ended.attempt, ended.ended.handed_over, ended.ended.worker) == (1, True, "short-a")
    await successor.start()
    assert await rig.settled(2) == ["nak", "ack"]
    frames = [await rig.frame() for _ in range(4)]
    assert [frame.first_event for frame in frames] == [0, 1, 2, 3]
    assert b"".join(frame.data for frame in frames) == rig.result().data == ONE + TWO + THREE + events.DONE
    await successor.drain(0)


async def test_what_was_handed_over_does_not_count_as_a_failure() -> None:
    async with running(max_attempts=1) as rig:
        await keep(rig, Progress(ended=AttemptEnd(attempt=1, handed_over=True)))
        await second_attempt(rig)
        assert await rig.settled(1) == ["ack"]
        assert rig.result().headers[headers.OUTCOME] == "completed"


async def test_a_request_that_kills_workers_is_given_up() -> None:
    async with running(max_attempts=1) as rig:
        await second_attempt(rig)
        frame = await rig.frame()
        assert (frame.terminal.http_status, frame.terminal.code) == (502, "engine_failed")
        assert await rig.settled(1) == ["ack"]
        assert rig.engine.calls == []
        letter = codec.decode_dead_letter(rig.stored(topology.DEAD)[0].data)
        assert (letter.attempts, letter.request.classification.lane) == (2, "short")


async def test_deaths_of_workers_that_only_held_a_request_do_not_count() -> None:
    async with running(max_attempts=2) as rig:
        await second_attempt(rig, deliveries=7)
        assert await rig.settled(1) == ["ack"]
        assert rig.result().headers[headers.OUTCOME] == "completed"


async def test_deaths_of_workers_that_had_begun_count_and_are_named() -> None:
    async with running(max_attempts=2) as rig:
        await keep(rig, Progress(started=AttemptStart(attempt=3, worker="short-x")))
        await second_attempt(rig, deliveries=3)
        assert (await rig.frame()).terminal.code == "engine_failed"
        (end,) = codec.decode_dead_letter(rig.stored(topology.DEAD)[0].data).history
        assert (end.attempt, end.worker, end.reason) == (3, "short-x", "a worker died with it")


async def test_an_attempt_that_is_not_the_first_says_that_it_begins(rig: Rig) -> None:
    rig.engine.finish.clear()
    await second_attempt(rig)
    await rig.calls(1)
    (entry,) = rig.progress()
    assert (entry.started.attempt, entry.started.worker) == (2, "short-a")
    rig.engine.finish.set()
    assert await rig.settled(1) == ["ack"]
    assert rig.progress() == []


async def test_a_stream_whose_engine_broke_goes_on_with_what_its_reader_has(rig: Rig) -> None:
    await show(rig, Shown(events=1, first_event=0, tail=ONE, head=HEAD))
    rig.engine.streamed = [ONE]
    rig.engine.breaks = [EngineLostError("gone")]
    await rig.send("r1", facts=STREAM, body=BODY)
    assert (await rig.frame()).data == ONE
    rig.engine.streamed = [TWO]
    assert ((await rig.frame()).first_event, (await rig.frame()).first_event) == (1, 2)
    assert await rig.settled(2) == ["nak", "ack"]
    assert rig.result().data == ONE + TWO + events.DONE
