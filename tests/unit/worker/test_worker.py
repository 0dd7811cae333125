"""The worker over the in-memory bus: what it pulls, what comes back, how each attempt is settled."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest

from tests.support.engines import CHAT
from tests.support.waiting import until
from tests.unit.worker.rig import CONSUMER, STREAM, Rig, running
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import Classification, ReplyFormat
from tokenlane_chassis.clock import unix_ms
from tokenlane_proto import codec, headers, subjects, topology
from tokenlane_worker.engine.errors import EngineLostError, EngineUnavailableError


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as rig:
        yield rig


async def test_a_short_answer_is_one_frame_stored_counted_and_acknowledged(rig: Rig) -> None:
    accepted = unix_ms() + 1000
    await rig.send("r1", accepted_unix_ms=accepted)
    frame = await rig.frame()
    assert (frame.attempt, frame.seq, frame.data, frame.head.http_status) == (1, 0, CHAT, 200)
    assert (frame.head.lane, frame.head.budget_tokens) == ("short", 100)
    assert frame.terminal.outcome == Outcome.OUTCOME_COMPLETED
    assert frame.terminal.usage.completion_tokens == 5
    assert await rig.settled(1) == ["ack"]
    stored = rig.result("r1")
    assert stored.data == CHAT
    assert stored.headers[headers.OUTCOME] == "completed"
    assert stored.headers[headers.COMPLETION_TOKENS] == "5"
    assert (stored.headers[headers.WORKER], stored.headers[headers.BUDGET_TOKENS]) == ("short-a", "100")
    usage = codec.decode_usage(next(m.data for m in rig.bus.posted if m.subject == "usage.acme"))
    assert (usage.category, usage.usage.prompt_tokens, usage.body_bytes) == ("latin", 3, 2)
    assert usage.accepted_unix_ms == accepted


async def test_the_largest_budget_there_is_does_no_harm(rig: Rig) -> None:
    most = 2**32 - 1
    await rig.send("r1", classification=Classification(lane="short", prompt_tokens=most, output_tokens=most))
    assert (await rig.frame()).head.budget_tokens == most
    assert await rig.settled(1) == ["ack"]


async def test_a_stream_is_numbered_and_stored_whole(rig: Rig) -> None:
    rig.engine.streamed = [b"data: 1\n\n", b"data: 2\n\ndata: 3\n\n"]
    await rig.send("r1", facts=STREAM)
    frames = [await rig.frame() for _ in range(3)]
    assert [frame.seq for frame in frames] == [0, 1, 2]
    assert [frame.first_event for frame in frames] == [0, 1, 3]
    assert b"".join(frame.data for frame in frames) == b"data: 1\n\ndata: 2\n\ndata: 3\n\ndata: [DONE]\n\n"
    assert [frame.HasField("terminal") for frame in frames] == [False, False, True]
    assert await rig.settled(1) == ["ack"]
    assert rig.result("r1").data == b"".join(frame.data for frame in frames)


async def test_a_bare_request_gets_plain_replies(rig: Rig) -> None:
    await rig.send("r1", reply_format=ReplyFormat.REPLY_FORMAT_PLAIN)
    message = await asyncio.wait_for(rig.frames.get(), 2)
    assert message.data == CHAT
    assert message.headers[headers.STATUS] == "200"
    assert message.headers[headers.OUTCOME] == "completed"


async def test_no_more_runs_than_the_kv_cache_holds(rig: Rig) -> None:
    rig.engine.hold = True
    for number in range(5):
        await rig.send(f"r{number}", tokens=400)
    await rig.calls(2)
    await rig.bus.flush()
    assert len(rig.engine.calls) == 2
    counts = await rig.bus.consumer_counts(CONSUMER)
    assert counts.in_progress <= 3, "at most one is held back"
    rig.engine.finish.set()
    assert await rig.settled(5) == ["ack"] * 5


async def test_a_cancelled_request_is_aborted_in_the_engine_and_never_comes_back(rig: Rig) -> None:
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    rig.bus.post(subjects.cancel("other"), b"r1")
    rig.bus.post(subjects.cancel("acme"), b"r1")
    assert await rig.settled(1) == ["ack"]
    assert rig.engine.aborted == [b"r1"]
    assert rig.result("r1").headers[headers.OUTCOME] == "cancelled"


async def test_a_request_cancelled_in_the_queue_never_reaches_the_engine(rig: Rig) -> None:
    accepted = unix_ms() - 1000
    rig.bus.post(subjects.cancel("acme"), b"r1")
    await rig.bus.flush()
    await rig.send("r1", accepted_unix_ms=accepted)
    frame = await rig.frame()
    assert frame.terminal.outcome == Outcome.OUTCOME_CANCELLED
    assert await rig.settled(1) == ["ack"]
    assert rig.engine.calls == []
    await rig.bus.purge(topology.RESULTS, "results.acme.r1")
    await rig.send("r1", accepted_unix_ms=unix_ms() + 1000)
    assert (await rig.frame()).data == CHAT, "the id may be used again"


async def test_an_expired_request_never_reaches_the_engine(rig: Rig) -> None:
    await rig.send("r1", deadline_unix_ms=unix_ms() - 1)
    frame = await rig.frame()
    assert (frame.head.http_status, frame.terminal.outcome) == (504, Outcome.OUTCOME_EXPIRED)
    assert await rig.settled(1) == ["ack"]
    assert rig.engine.calls == []


async def test_an_engine_that_is_away_is_tried_again(rig: Rig) -> None:
    rig.engine.failures = [EngineUnavailableError("refused")]
    await rig.send("r1")
    frame = await rig.frame()
    assert (frame.attempt, frame.data) == (2, CHAT)
    assert await rig.settled(2) == ["nak", "ack"]


async def test_an_engine_that_keeps_failing_ends_the_request_as_a_dead_letter() -> None:
    async with running(max_attempts=2) as rig:
        rig.engine.failures = [EngineLostError("gone"), EngineLostError("gone again")]
        await rig.send("r1")
        frame = await rig.frame()
        assert (frame.head.http_status, frame.terminal.outcome) == (502, Outcome.OUTCOME_FAILED)
        assert "gone again" in frame.terminal.reason
        assert await rig.settled(2) == ["nak", "ack"]
        assert rig.result("r1").headers[headers.STATUS] == "502"
        letter = codec.decode_dead_letter(rig.stored(topology.DEAD)[0].data)
        assert (letter.tenant, letter.request.body, letter.attempts) == ("acme", b"r1", 2)
        assert [end.reason for end in letter.history] == ["gone", "gone again"]
        assert rig.progress() == []


async def test_what_was_pulled_shows_signs_of_life(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    station = dataclasses.replace(rig.worker._station, ack_wait_s=0.03)
    monkeypatch.setattr(rig.worker, "_station", station)
    rig.engine.hold = True
    for number, tokens in enumerate((300, 300, 500)):
        await rig.send(f"r{number}", tokens=tokens)
    await rig.calls(2)
    beating = asyncio.create_task(rig.worker.heartbeat())
    # Two run, one is held.
    await until(lambda: [delivery.signs_of_life > 1 for delivery in rig.bus.deliveries] == [True] * 3, 5)
    beating.cancel()


async def test_a_malformed_message_ends_with_an_error_result(rig: Rig) -> None:
    await rig.bus.publish_durable("lanes.short.short.m.acme.128", b"\xff\xff")
    assert await rig.settled(1) == ["ack"]
    (stored,) = rig.bus.stored[topology.RESULTS]
    assert stored.message.headers[headers.STATUS] == "400"


async def test_a_drain_finishes_what_runs_and_returns_what_waits(rig: Rig) -> None:
    rig.engine.hold = True
    for number, tokens in enumerate((300, 300, 500)):
        await rig.send(f"r{number}", tokens=tokens)
    await rig.calls(2)
    await rig.bus.flush()
    draining = asyncio.create_task(rig.worker.drain(2))
    await asyncio.sleep(0)
    rig.engine.finish.set()
    await draining
    assert [delivery.settled for delivery in rig.bus.deliveries] == ["ack", "ack", "nak"]
    assert len(rig.engine.calls) == 2


async def test_a_drain_hands_back_what_does_not_finish(rig: Rig) -> None:
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    await rig.worker.drain(0)
    assert await rig.settled(1) == ["nak"]
    assert rig.engine.aborted == [b"r1"]


async def test_a_drain_ends_although_a_result_cannot_be_stored(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_worker.worker._SETTLE_S", 0)
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    rig.bus.available = False
    rig.engine.finish.set()
    await asyncio.wait_for(rig.worker.drain(0), 5)
    assert rig.bus.deliveries[0].settled == "", "another worker gets it"
    assert rig.frames.empty(), "what is not stored is not shown"


async def test_an_unstored_result_is_kept_until_the_bus_is_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_worker.retrying.RETRY_S", 0)
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    rig.bus.available = False
    rig.engine.finish.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert rig.bus.deliveries[0].settled == ""
    assert rig.frames.empty()
    rig.bus.available = True
    assert (await rig.frame()).data == CHAT
    assert await rig.settled(1) == ["ack"]
