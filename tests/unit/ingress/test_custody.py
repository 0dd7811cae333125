"""Keyed requests whose clients left run on for a while, and as long as somebody reads them."""

import asyncio

import pytest

from tests.support.waiting import until
from tests.unit.ingress.conftest import CHAT, House
from tests.unit.ingress.records import KEY, KEYED_ID, record_key
from tokenlane.v1.recovery_pb2 import Attach, RequestState, RequestStatus, Shown
from tokenlane.v1.reply_pb2 import Frame, Outcome
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Message
from tokenlane_ingress import custody, vigil
from tokenlane_ingress.settings import IngressSettings
from tokenlane_proto.topology import RESULTS

GRACE_S = 0.05


@pytest.fixture
def settings(settings: IngressSettings) -> IngressSettings:
    return settings.model_copy(update={"resume_grace_s": GRACE_S})


@pytest.fixture(autouse=True)
def watched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "WATCH_AFTER_S", 0)


def silent(request: Request) -> list[Frame]:
    return []


async def leave(house: House) -> None:
    """A client asks and goes away."""
    house.upstream.script = silent
    asking = house.asking(idempotency_key=KEY)
    running = asyncio.create_task(asking())
    await until(lambda: any(message.subject == "requests.acme" for message in requests_of(house)))
    asking.leave()
    await asyncio.wait_for(running, 5)


def requests_of(house: House) -> list[Message]:
    return [entry.message for entry in house.bus.stored.get("TOKENLANE_REQUESTS", [])]


def attach(house: House, inbox: str) -> None:
    house.bus.post("attach.acme", Attach(request_id=KEYED_ID, inbox=inbox).SerializeToString())


async def cancelled(house: House) -> None:
    assert await asyncio.wait_for(house.upstream.cancelled.get(), 5) == KEYED_ID
    stored = await house.bus.last(RESULTS, f"results.acme.{KEYED_ID}")
    assert stored is not None
    assert stored.headers["Tokenlane-Outcome"] == "cancelled"
    assert len(house.door.custody) == 0


async def graces_pass() -> None:
    """Long enough for what must not happen."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 3 * GRACE_S
    await until(lambda: loop.time() > end, every_s=0.01)


async def runs_on(house: House) -> None:
    """Nothing is cancelled over several reviews."""
    asked = len(house.bus.asked)
    await until(lambda: len(house.bus.asked) > asked + 3)
    assert house.upstream.cancelled.empty()


async def test_nobody_comes_back(house: House) -> None:
    await record_key(house.bus, CHAT)
    await leave(house)
    assert house.upstream.cancelled.empty()
    await cancelled(house)


async def test_nobody_is_told_of_a_request_that_was_answered(house: House) -> None:
    await house.ask(idempotency_key=KEY)
    assert len(house.door.custody) == 0


async def test_the_client_comes_back_here(house: House) -> None:
    await record_key(house.bus, CHAT)
    await leave(house)
    running = asyncio.create_task(house.ask(idempotency_key=KEY))
    await until(lambda: len(house.door.exchanges) == 1)
    await graces_pass()
    assert house.upstream.cancelled.empty()
    house.door.give_up()
    await running


async def test_the_client_comes_back_at_another_door_and_leaves_that_too(house: House) -> None:
    await record_key(house.bus, CHAT)
    await leave(house)
    status = RequestStatus(state=RequestState.REQUEST_STATE_ACCEPTED).SerializeToString()
    other = await house.bus.subscribe("status.acme", lambda message: house.bus.post(message.reply, status))
    await runs_on(house)
    await other.unsubscribe()
    await cancelled(house)


async def test_somebody_reads_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custody, "_REATTACH_S", 0)
    await record_key(house.bus, CHAT)
    await leave(house)
    attach(house, "reader.1")
    shown = [Shown(events=3)]
    await house.bus.subscribe(
        "shown.acme.reader.1", lambda message: house.bus.post(message.reply, shown[0].SerializeToString())
    )
    await runs_on(house)
    # What a reader says of a request that it has closed.
    shown[0] = Shown()
    await cancelled(house)


async def test_somebody_attached_before_the_client_was_seen_to_be_gone(house: House) -> None:
    await record_key(house.bus, CHAT)
    house.upstream.script = silent
    asking = house.asking(idempotency_key=KEY)
    running = asyncio.create_task(asking())
    await until(lambda: len(house.door.custody) == 1)
    attach(house, "reader.1")
    house.bus.post("attach.acme", b"\xff broken")
    asking.leave()
    await asyncio.wait_for(running, 5)
    await runs_on(house)


async def test_it_ended_meanwhile(house: House) -> None:
    await record_key(house.bus, CHAT)
    await leave(house)
    fields = results.result_headers(KEYED_ID, 1, Outcome.OUTCOME_COMPLETED, 200, "application/json")
    await results.store(house.bus, "acme", KEYED_ID, b"{}", fields)
    await until(lambda: len(house.door.custody) == 0)
    assert house.upstream.cancelled.empty()


async def test_the_key_stands_for_another_body_whose_client_waits(house: House) -> None:
    await record_key(house.bus, {"another": "body"})
    await leave(house)
    await until(lambda: len(house.door.custody) == 0)
    assert house.upstream.cancelled.empty()


async def test_the_classifier_has_not_seen_it_yet(house: House) -> None:
    await leave(house)
    await graces_pass()
    assert house.upstream.cancelled.empty()
    await record_key(house.bus, CHAT)
    await cancelled(house)


async def test_without_the_bus_nothing_is_decided(house: House) -> None:
    await record_key(house.bus, CHAT)
    await leave(house)
    house.bus.drop_connection()
    await graces_pass()
    house.bus.reconnect()
    await cancelled(house)


async def test_an_end_of_the_process_leaves_it_running(house: House) -> None:
    await record_key(house.bus, CHAT)
    await leave(house)
    await house.door.close()
    await graces_pass()
    assert house.upstream.cancelled.empty()
