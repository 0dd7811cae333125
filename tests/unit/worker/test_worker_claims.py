"""Which worker has a request, when several think so."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest

from tests.support.engines import ScriptedEngine
from tests.support.waiting import until
from tests.unit.worker.rig import Rig, running
from tokenlane.v1.recovery_pb2 import Started
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis import results
from tokenlane_chassis.clock import unix_ms
from tokenlane_proto import codec, headers, subjects, topology


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as rig:
        yield rig


async def test_a_lost_job_is_aborted_and_left_to_its_new_owner(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.worker, "_station", dataclasses.replace(rig.worker._station, ack_wait_s=0.03))
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    beating = asyncio.create_task(rig.worker.heartbeat())
    rig.bus.deliveries[0].lost = True
    await until(lambda: rig.engine.aborted == [b"r1"], 5)
    beating.cancel()
    await until(lambda: rig.metric("lost") == 1, 5)
    assert rig.bus.deliveries[0].settled == ""
    assert rig.frames.empty()
    assert topology.RESULTS not in rig.bus.stored


async def test_a_claim_by_another_worker_aborts_a_lower_attempt(rig: Rig) -> None:
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    other = ScriptedEngine()
    successor = rig.worker_on(other, "short-b")
    await successor.start()
    await rig.worker._pulls.stop()
    rig.redeliver()
    assert (await rig.frame()).attempt > 1
    await until(lambda: rig.engine.aborted == [b"r1"], 5)
    assert [delivery.settled for delivery in rig.bus.deliveries] == ["", "ack"]
    assert rig.result().headers[headers.WORKER] == "short-b"
    await successor.drain(0)


async def test_a_redelivery_to_the_same_worker_is_the_same_job(rig: Rig) -> None:
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    rig.redeliver()
    await until(lambda: len(rig.bus.deliveries) == 2, 5)
    rig.engine.finish.set()
    await until(lambda: rig.bus.deliveries[1].settled == "ack", 5)
    assert len(rig.engine.calls) == 1
    assert (await rig.frame()).attempt == 1


async def test_a_redelivery_that_others_had_in_between_begins_anew(rig: Rig) -> None:
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    rig.bus.stored[topology.LANES][0].attempts = 2
    rig.redeliver()
    await rig.calls(2)
    assert rig.engine.aborted == [b"r1"]
    rig.engine.finish.set()
    assert (await rig.frame()).attempt == 3


async def test_after_a_reconnect_older_requests_are_looked_into(rig: Rig) -> None:
    """A cancellation may have been missed, and the broker may have forgotten that it delivered them before."""
    await results.publish_error(
        rig.bus, "acme", Request(request_id="r1"), status=499, message="gone", outcome=Outcome.OUTCOME_CANCELLED
    )
    rig.bus.reconnect()
    await rig.send("r1", accepted_unix_ms=unix_ms() - 1000)
    assert await rig.settled(1) == ["ack"]
    assert rig.engine.calls == []
    await rig.send("r2", accepted_unix_ms=unix_ms() - 1000)
    await until(lambda: bool(rig.stored(topology.RESULTS, "r2")), 5)
    claims = [codec.decode_started(m.data) for m in rig.bus.posted if m.subject == "claims.acme"]
    assert [(claim.request_id, claim.attempt) for claim in claims] == [("r2", 2)]


async def test_what_was_cancelled_while_nothing_was_heard_is_aborted_on_reconnect(rig: Rig) -> None:
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    rig.bus.drop_connection()
    rig.bus.connected = True
    gone = Request(request_id="r1")
    await results.publish_error(rig.bus, "acme", gone, status=499, message="gone", outcome=Outcome.OUTCOME_CANCELLED)
    rig.bus.reconnect()
    await until(lambda: rig.engine.aborted == [b"r1"], 5)
    assert await rig.settled(1) == ["ack"]
    assert rig.result().headers[headers.OUTCOME] == "cancelled"


async def test_an_equal_claim_of_another_worker_wins_and_a_late_lower_one_does_not(rig: Rig) -> None:
    """The broker was killed and has forgotten that it delivered the request; then it gave it to another."""
    rig.engine.hold = True
    await rig.send("r1")
    await rig.calls(1)
    claim = Started(request_id="r1", attempt=0).SerializeToString()
    rig.bus.post(subjects.claims("acme"), claim, {headers.WORKER: "short-b"})
    own = Started(request_id="r1", attempt=1).SerializeToString()
    rig.bus.post(subjects.claims("acme"), own, {headers.WORKER: "short-a"})
    rig.bus.post(subjects.claims("acme"), b"\xff")
    await rig.bus.flush()
    await rig.bus.flush()
    assert rig.engine.aborted == []
    rig.bus.post(subjects.claims("acme"), own, {headers.WORKER: "short-b"})
    await until(lambda: rig.engine.aborted == [b"r1"], 5)
    assert rig.bus.deliveries[0].settled == ""
