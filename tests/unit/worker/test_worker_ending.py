"""How requests end, and what is left behind, when something comes in between."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest

from tests.support.engines import CHAT
from tests.support.waiting import until
from tests.unit.worker.rig import STREAM, Rig, running
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import BodyRef
from tokenlane_chassis.bus import Message
from tokenlane_chassis.clock import unix_ms
from tokenlane_proto import codec, headers, subjects, topology
from tokenlane_worker.engine.errors import EngineUnavailableError
from tokenlane_worker.pulling import Queue

QUEUE = Queue("short", "short")
TOO_SHORT = b'{"error":{"message":"This model\'s maximum context length is 500 tokens.","code":400}}'


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as rig:
        yield rig


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_worker.retrying.RETRY_S", 0)


async def storing(rig: Rig, **fields: object) -> None:
    """A request whose answer is there, while the bus is not."""
    rig.engine.hold = True
    await rig.send("r1", **fields)  # type: ignore[arg-type]
    await rig.calls(1)
    rig.bus.available = False
    rig.engine.finish.set()
    await until(lambda: not rig.worker._jobs.running, 5)


async def other_lane(rig: Rig, max_model_len: int) -> None:
    profile = LaneProfile(lane="long", model="m", max_model_len=max_model_len)
    await rig.bus.put(topology.LANE_BUCKET, topology.lane_key("long", "m"), profile.SerializeToString())


async def test_a_cancellation_while_the_answer_is_being_stored_comes_too_late(rig: Rig) -> None:
    await storing(rig)
    rig.bus.post(subjects.cancel("acme"), b"r1")
    await rig.bus.flush()
    rig.bus.available = True
    assert await rig.settled(1) == ["ack"]
    assert rig.result().headers[headers.OUTCOME] == "completed"


async def test_a_drain_waits_for_what_is_being_stored(rig: Rig) -> None:
    await storing(rig)
    draining = asyncio.create_task(rig.worker.drain(0))
    await rig.bus.flush()
    rig.bus.available = True
    await draining
    assert await rig.settled(1) == ["ack"]
    assert (await rig.frame()).data == CHAT


async def test_a_claim_that_is_lost_while_storing_ends_it(rig: Rig) -> None:
    await storing(rig)
    rig.bus.deliveries[0].lost = True
    rig.worker._beat(rig.worker._jobs.find(("acme", "r1")))  # type: ignore[arg-type]
    await until(lambda: rig.metric("lost") == 1, 5)
    rig.bus.available = True
    await rig.bus.flush()
    assert topology.RESULTS not in rig.bus.stored
    assert rig.frames.empty()


async def test_the_result_is_stored_before_the_end_is_shown(rig: Rig) -> None:
    order: list[str] = []
    await rig.bus.subscribe("results.acme.r1", lambda _: order.append("stored"))
    await rig.bus.subscribe("replies.acme.door.r1", lambda _: order.append("frame"))
    rig.engine.streamed = [b"data: 1\n\n"]
    await rig.send("r1", facts=STREAM)
    await until(lambda: len(order) == 3, 5)
    assert order == ["frame", "stored", "frame"]


async def test_a_deadline_that_passes_in_mid_answer_stops_the_engine(rig: Rig) -> None:
    rig.engine.hold = True
    await rig.send("r1", deadline_unix_ms=unix_ms() + 50)
    frame = await rig.frame()
    assert (frame.terminal.http_status, frame.terminal.outcome) == (504, Outcome.OUTCOME_EXPIRED)
    assert rig.engine.aborted == [b"r1"]
    assert await rig.settled(1) == ["ack"]


async def test_what_is_cancelled_while_it_waits_for_room_ends_at_once(rig: Rig) -> None:
    rig.engine.hold = True
    for number, tokens in enumerate((300, 300, 500)):
        await rig.send(f"r{number}", tokens=tokens)
    await until(lambda: len(rig.worker._jobs.held) == 1, 5)
    rig.bus.post(subjects.cancel("acme"), b"r2")
    frame = await rig.frame()
    assert frame.terminal.outcome == Outcome.OUTCOME_CANCELLED
    assert len(rig.engine.calls) == 2


async def test_what_expires_while_it_waits_for_room_ends_before_there_is_any(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig.worker, "_station", dataclasses.replace(rig.worker._station, ack_wait_s=0.03))
    rig.engine.hold = True
    await rig.send("r0", tokens=300)
    await rig.send("r1", tokens=300)
    await rig.send("r2", tokens=500, deadline_unix_ms=unix_ms() + 50)
    await until(lambda: len(rig.worker._jobs.held) == 1, 5)
    beating = asyncio.create_task(rig.worker.heartbeat())
    assert (await rig.frame()).terminal.outcome == Outcome.OUTCOME_EXPIRED
    beating.cancel()


async def test_an_endless_attempt_loses_its_claim_and_counts_as_a_failure() -> None:
    async with running(max_run_s=0.05, max_attempts=1, ack_wait_s=0.03) as rig:
        rig.engine.hold = True
        beating = asyncio.create_task(rig.worker.heartbeat())
        await rig.send("r1")
        frame = await rig.frame()
        assert (frame.terminal.http_status, frame.terminal.code) == (502, "engine_failed")
        assert "ran for more than" in frame.terminal.reason
        assert await rig.settled(2) == ["nak", "ack"]
        assert rig.engine.aborted == [b"r1"]
        beating.cancel()


async def test_a_request_that_is_too_long_for_the_lane_moves_to_a_longer_one(rig: Rig) -> None:
    await other_lane(rig, 5000)
    rig.engine.refusals = [TOO_SHORT]
    await rig.send("r1", tokens=200)
    assert await rig.settled(1) == ["ack"]
    assert rig.frames.empty()
    (moved,) = rig.bus.stored[topology.LANES]
    request = codec.decode_request(moved.message.data)
    assert moved.message.subject == subjects.lane("long", "long", "m", "acme", 200)
    assert (request.attempts_before, request.body, request.request_id) == (1, b"r1", "r1")
    assert (request.classification.lane, request.classification.prompt_tokens) == ("long", 190)
    (ended,) = rig.progress()
    assert ended.ended.handed_over, "it is not the request's failure"
    assert topology.RESULTS not in rig.bus.stored


async def test_a_request_that_moves_twice_is_there_once(rig: Rig) -> None:
    """The worker died between the move and the acknowledgement."""
    await other_lane(rig, 5000)
    rig.engine.refusals = [TOO_SHORT, TOO_SHORT]
    await rig.worker._pulls.stop()
    await rig.send("r1", tokens=200)
    first = rig.bus.stored[topology.LANES][0]
    await rig.worker._pulls.start()
    await rig.settled(1)
    rig.bus.stored[topology.LANES].append(first)
    rig.bus.release(first)
    assert await rig.settled(2) == ["ack", "ack"]
    assert [entry.message.subject.split(".")[1] for entry in rig.bus.stored[topology.LANES]] == ["long"]


@pytest.mark.parametrize(("length", "refusal"), [(400, TOO_SHORT), (5000, b'{"error":{"message":"bad top_p"}}')])
async def test_a_refusal_that_no_lane_mends_is_the_answer(rig: Rig, length: int, refusal: bytes) -> None:
    await other_lane(rig, length)
    rig.engine.refusals = [refusal]
    await rig.send("r1")
    frame = await rig.frame()
    assert (frame.head.http_status, frame.data) == (400, refusal)
    assert frame.terminal.outcome == Outcome.OUTCOME_COMPLETED
    assert await rig.settled(1) == ["ack"]


async def test_a_large_body_is_fetched_and_deleted_when_the_request_has_ended(rig: Rig) -> None:
    await rig.bus.put_object(topology.BODY_STORE, "acme.r1.x", b"large")
    await rig.send("r1", body=b"", body_ref=BodyRef(object="acme.r1.x", size=5))
    assert (await rig.frame()).data == CHAT
    assert rig.engine.calls == [b"large"]
    await until(lambda: not rig.bus.objects, 5)
    usage = codec.decode_usage(next(m.data for m in rig.bus.posted if m.subject == "usage.acme"))
    assert usage.body_bytes == 5


async def test_a_body_that_is_gone_is_an_error(rig: Rig) -> None:
    await rig.send("r1", body=b"", body_ref=BodyRef(object="acme.r1.x", size=5))
    assert (await rig.frame()).terminal.code == "body_missing"
    assert await rig.settled(1) == ["ack"]


async def test_a_dead_letter_keeps_its_body() -> None:
    async with running(max_attempts=1) as rig:
        await rig.bus.put_object(topology.BODY_STORE, "acme.r1.x", b"large")
        rig.engine.breaks = [RuntimeError("a bug")]
        await rig.send("r1", body=b"", body_ref=BodyRef(object="acme.r1.x", size=5))
        assert await rig.settled(1) == ["ack"]
        letter = codec.decode_dead_letter(rig.stored(topology.DEAD)[0].data)
        assert letter.history[0].reason == "RuntimeError: a bug"
        assert rig.bus.objects[topology.BODY_STORE, "acme.r1.x"] == b"large"


async def test_a_worker_whose_engine_is_away_leaves_the_rest_to_others(rig: Rig) -> None:
    rig.engine.failures = [EngineUnavailableError("refused")]
    await rig.send("r1")
    await until(lambda: rig.bus.deliveries[0].settled == "nak" if rig.bus.deliveries else False, 5)
    assert rig.worker._pulls.target(QUEUE) == 0
    await rig.settled(2)
    assert rig.worker._pulls.target(QUEUE) > 0


async def test_what_comes_by_a_parked_pull_while_the_engine_is_away_waits_in_the_lane(rig: Rig) -> None:
    rig.engine.failures = [EngineUnavailableError("refused")]
    await rig.send("r1")
    await until(lambda: bool(rig.bus.deliveries and rig.bus.deliveries[0].settled), 5)
    rig.bus._pullers[0].target = lambda: 8
    await rig.send("r2")
    assert await rig.settled(4) == ["nak", "nak", "ack", "ack"]
    assert [entry.ended.handed_over for entry in rig.progress("r2")] == []
    assert len(rig.engine.calls) == 3


async def test_an_engine_that_is_away_does_not_use_up_attempts() -> None:
    async with running(max_attempts=1) as rig:
        rig.engine.failures = [EngineUnavailableError("refused"), EngineUnavailableError("refused")]
        await rig.send("r1")
        assert await rig.settled(3) == ["nak", "nak", "ack"]
        assert (await rig.frame()).data == CHAT


async def test_a_request_whose_task_has_not_begun_can_be_stopped(rig: Rig) -> None:
    """The cancellation comes in the same turn of the loop as the delivery."""
    original = rig.worker._begin

    def begin_and_cancel(job: object) -> None:
        original(job)  # type: ignore[arg-type]
        rig.worker._controls.cancel(message)

    message = Message("cancels.acme", b"r1", {})
    rig.worker._begin = begin_and_cancel  # type: ignore[method-assign]
    await rig.send("r1")
    assert (await rig.frame()).terminal.outcome == Outcome.OUTCOME_CANCELLED
    assert await rig.settled(1) == ["ack"]
    assert rig.worker._load.taken.sequences == 0
