"""Cancellations, and questions for where a request is."""

from collections.abc import Mapping

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from tests.unit.classifier.conftest import MODEL, Running, classifier_on, register_lanes
from tests.unit.classifier.test_service import (
    BODY,
    envelope,
    error_of,
    inbox_of,
    settled,
    waiting,
)
from tokenlane.v1.recovery_pb2 import RequestState, RequestStatus
from tokenlane.v1.reply_pb2 import Frame, Outcome, UsageEvent
from tokenlane.v1.request_pb2 import BodyRef
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus, Message, Stored
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.fake_parts import FakeDelivery
from tokenlane_chassis.fake_store import StoredMessage
from tokenlane_classifier.controls import Controls
from tokenlane_classifier.ledger import Entry, Ledger
from tokenlane_classifier.metrics import Metrics
from tokenlane_proto import codec, headers, topology

OBJECT = "acme.r1.0a"


async def ended(bus: Bus, request_id: str = "r1") -> None:
    async def has_result() -> bool:
        return await results.load(bus, "acme", request_id) is not None

    await until(has_result, every_s=0.005)


async def asked(bus: Bus, request_id: str = "r1") -> list[RequestStatus]:
    return [codec.decode_status(said.data) for said in await bus.ask("status.acme", request_id.encode(), 0.2)]


async def test_a_cancelled_request_leaves_its_queue(bus: Bus, running: Running) -> None:
    inbox = await inbox_of(bus)
    ref = BodyRef(object=OBJECT, size=len(BODY), sample=BODY)
    await bus.put_object(topology.BODY_STORE, OBJECT, BODY)
    async with running():
        await bus.publish_durable("requests.acme", envelope(body=b"", body_ref=ref))
        await bus.publish_durable("requests.acme", envelope("r2"))
        await settled(bus)
        bus.post("cancels.acme", b"r1")
        await ended(bus)

        async def gone() -> bool:
            return sum((await waiting(bus)).values()) == 1

        await until(gone, every_s=0.005)
        assert await asked(bus) == []
    error, stored = await error_of(bus, "r1")
    assert (error["code"], stored.headers[headers.STATUS]) == ("cancelled", "499")
    assert (stored.headers[headers.OUTCOME], stored.headers[headers.CODE]) == ("cancelled", "cancelled")
    assert await bus.get_object(topology.BODY_STORE, OBJECT) is None
    frame = Frame.FromString(inbox.get_nowait().data)
    assert (frame.terminal.outcome, frame.terminal.http_status) == (Outcome.OUTCOME_CANCELLED, 499)
    # It fits whatever its reader has seen, of whichever attempt.
    assert (frame.HasField("head"), frame.data) == (False, b"")
    assert frame.attempt > 1_000


async def test_a_cancellation_that_comes_after_the_answer_changes_nothing(bus: Bus, running: Running) -> None:
    inbox = await inbox_of(bus)
    fields = results.result_headers("r1", 1, Outcome.OUTCOME_COMPLETED, 200, results.JSON)
    async with running():
        await bus.publish_durable("requests.acme", envelope())
        await settled(bus)
        assert await results.store(bus, "acme", "r1", b"{}", fields)
        bus.post("cancels.acme", b"r1")

        async def gone() -> bool:
            return not await waiting(bus)

        await until(gone, every_s=0.005)
    found = await results.load(bus, "acme", "r1")
    assert found is not None
    assert found.body == b"{}"
    assert inbox.empty()


async def test_a_cancellation_ahead_of_its_request_holds(bus: Bus, running: Running) -> None:
    async with running():
        bus.post("cancels.acme", b"r1")
        bus.post("cancels.other", b"r2")
        bus.post("cancels.acme", b"no id \xff")
        bus.post("cancels.acme", b"")
        await bus.flush()
        assert await asked(bus) == []
        await bus.publish_durable("requests.acme", envelope(accepted_unix_ms=unix_ms() - 1_000))
        await bus.publish_durable("requests.acme", envelope("r2", accepted_unix_ms=unix_ms() - 1_000))
        await settled(bus)
    error, _ = await error_of(bus, "r1")
    assert error["code"] == "cancelled"
    assert sum((await waiting(bus)).values()) == 1


async def test_a_cancellation_is_tried_again_until_the_bus_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[int] = []

    def at_once(attempt: int) -> float:
        failed.append(attempt)
        return 0

    monkeypatch.setattr("tokenlane_classifier.controls.backoff_s", at_once)
    bus, ledger = FakeBus(), Ledger()
    controls = Controls(bus, ledger, Metrics(CollectorRegistry()), structlog.get_logger())
    stored = await bus.publish_durable("lanes.short.short.m.acme.30", envelope())
    ledger.note(("acme", "r1"), Entry(1, 5, "m", "door.1", True, "", "short", stored.seq, 30))
    bus.available = False
    controls.cancel(Message("cancels.acme", b"r1", {}))
    await until(lambda: len(failed) == 2)
    bus.available = True
    await controls.drain(5)
    assert not await waiting(bus)
    assert [(message.subject, message.headers[headers.STATUS]) for message in bus.posted] == [
        ("replies.acme.door.1", "499")
    ]


async def test_what_is_cancelled_while_it_goes_to_its_lane_leaves_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = FakeBus()
    await register_lanes(bus)
    classifier, controls = await classifier_on(bus)
    publish = bus.publish_durable

    async def cancelled_meanwhile(subject: str, payload: bytes, fields: Mapping[str, str] | None = None) -> Stored:
        controls.cancel(Message("cancels.acme", b"r1", {}))
        return await publish(subject, payload, fields)

    monkeypatch.setattr(bus, "publish_durable", cancelled_meanwhile)
    await classifier.handle(delivery_of(bus, envelope(accepted_unix_ms=1)))
    error, _ = await error_of(bus, "r1")
    assert error["code"] == "cancelled"
    assert not await waiting(bus)


async def test_where_a_request_is_can_be_asked(bus: Bus, running: Running) -> None:
    async with running():
        await bus.publish_durable("requests.acme", envelope(accepted_unix_ms=5))
        await settled(bus)
        (said,) = await asked(bus)
        assert await asked(bus, "r2") == []
        bus.post("status.acme", b"r1")
        bus.post("usage.acme", UsageEvent(request_id="r1").SerializeToString())
        await bus.flush()
        assert await asked(bus) == []
    assert (said.state, said.lane, said.model) == (RequestState.REQUEST_STATE_QUEUED, "short", MODEL)
    assert (8 < said.budget_tokens < len(BODY), said.accepted_unix_ms) == (True, 5)
    assert await bus.delete_message(topology.LANES, said.lane_seq)


async def test_a_request_that_has_no_lane_yet_is_accepted() -> None:
    bus = FakeBus()
    await register_lanes(bus)
    classifier, controls = await classifier_on(bus)
    await bus.subscribe(topology.ALL_STATUS, controls.status)
    bus.available = False
    with pytest.raises(BusUnavailableError):
        await classifier.handle(delivery_of(bus, envelope()))
    (said,) = await asked(bus)
    assert (said.state, said.lane_seq) == (RequestState.REQUEST_STATE_ACCEPTED, 0)


async def test_a_redelivery_of_what_has_ended_does_not_go_on() -> None:
    bus = FakeBus()
    await register_lanes(bus)
    classifier, _ = await classifier_on(bus)
    fields = results.result_headers("r1", 1, Outcome.OUTCOME_COMPLETED, 200, results.JSON)
    await results.store(bus, "acme", "r1", b"{}", fields)
    await classifier.handle(delivery_of(bus, envelope(accepted_unix_ms=5), attempt=2))
    assert not await waiting(bus)
    (told,) = bus.posted
    frame = Frame.FromString(told.data)
    assert (told.subject, frame.terminal.outcome) == ("replies.acme.door.1", Outcome.OUTCOME_COMPLETED)


def delivery_of(bus: FakeBus, data: bytes, attempt: int = 1) -> FakeDelivery:
    return FakeDelivery(bus, StoredMessage(3, Message("requests.acme", data, {})), attempt)
