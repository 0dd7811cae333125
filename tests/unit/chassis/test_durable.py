"""What is sent again, how often, and what the broker's answers mean."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.support.waiting import until
from tokenlane_chassis import durable
from tokenlane_chassis.bus import Stored
from tokenlane_chassis.durable import DurablePublisher
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError, StreamFullError
from tokenlane_proto.headers import MSG_ID

IDENTIFIED = {MSG_ID: "1"}


class Sent(NamedTuple):
    subject: str
    payload: bytes
    reply: str
    headers: dict[str, str] | None


class Broker:
    """Stands for nats-py's client: records what is published, answers what the test says."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.is_connected = True
        self.inbox: Callable[[Msg], Awaitable[None]] | None = None

    def new_inbox(self) -> str:
        return "_INBOX.a"

    async def subscribe(self, subject: str, cb: Callable[[Msg], Awaitable[None]], **limits: int) -> None:
        self.inbox = cb

    async def publish(self, subject: str, payload: bytes, reply: str, headers: dict[str, str] | None) -> None:
        self.sent.append(Sent(subject, payload, reply, headers))

    async def answer(self, to: Sent, headers: dict[str, str] | None = None, **fields: object) -> None:
        assert self.inbox is not None
        client: Any = self
        await self.inbox(Msg(client, to.reply, "", json.dumps(fields).encode(), headers))

    async def refuse(self, to: Sent, code: int) -> None:
        await self.answer(to, error={"code": 400, "err_code": code, "description": "no"})


class House(NamedTuple):
    broker: Broker
    publisher: DurablePublisher

    async def begin(self, publishing: Awaitable[Any]) -> "asyncio.Future[Any]":
        task = asyncio.ensure_future(publishing)
        count = len(self.broker.sent)
        await until(lambda: len(self.broker.sent) > count)
        return task


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> House:
    for name, seconds in (("_RETRY_S", 0.002), ("_RESEND_S", 0.004), ("_GIVE_UP_S", 0.5)):
        monkeypatch.setattr(durable, name, seconds)
    broker: Any = Broker()
    publisher = DurablePublisher(broker)
    await publisher.start()
    return House(broker, publisher)


async def test_what_has_a_message_id_is_sent_until_it_is_acknowledged(house: House) -> None:
    publishing = await house.begin(house.publisher.publish("requests.acme", b"x", IDENTIFIED))
    await until(lambda: len(house.broker.sent) > 3)
    assert set(map(str, house.broker.sent)) == {str(house.broker.sent[0])}
    await house.broker.answer(house.broker.sent[0], seq=7, duplicate=True)
    assert await publishing == Stored(7, duplicate=True)
    await house.broker.answer(house.broker.sent[0], seq=8)
    house.publisher.stop()


async def test_what_has_none_is_sent_once(house: House) -> None:
    publishing = await house.begin(house.publisher.publish("requests.acme", b"x", {"a": "b"}))
    with pytest.raises(BusUnavailableError, match="no acknowledgement within"):
        await publishing
    assert len(house.broker.sent) == 1
    house.publisher.stop()


async def test_nothing_is_sent_again_while_the_broker_is_away(house: House) -> None:
    house.broker.is_connected = False
    publishing = await house.begin(house.publisher.publish("requests.acme", b"x", IDENTIFIED))
    with pytest.raises(BusUnavailableError):
        await publishing
    assert len(house.broker.sent) == 1
    house.publisher.stop()


@pytest.mark.parametrize("code", [10008, 10158, 10164])
async def test_not_now_is_not_a_refusal(house: House, code: int) -> None:
    publishing = await house.begin(house.publisher.publish_once("results.acme.1", b"x", None))
    await house.broker.refuse(house.broker.sent[0], code)
    count = len(house.broker.sent)
    await until(lambda: len(house.broker.sent) > count)
    await house.broker.answer(house.broker.sent[0], seq=1)
    assert await publishing is True
    house.publisher.stop()


async def test_no_stream_is_said_at_once_of_what_cannot_be_repeated(house: House) -> None:
    publishing = await house.begin(house.publisher.publish("requests.acme", b"x", None))
    await house.broker.answer(house.broker.sent[0], {"Status": "503"})
    with pytest.raises(BusUnavailableError, match=r"no stream takes requests\.acme"):
        await publishing
    house.publisher.stop()


async def test_no_stream_is_waited_out_where_it_can_be(house: House) -> None:
    publishing = await house.begin(house.publisher.publish("requests.acme", b"x", IDENTIFIED))
    await house.broker.answer(house.broker.sent[0], {"Status": "503"})
    with pytest.raises(BusUnavailableError, match=r"no stream takes requests\.acme within"):
        await publishing
    assert len(house.broker.sent) > 2
    house.publisher.stop()


async def test_a_subject_that_is_taken_is_no_error(house: House) -> None:
    publishing = await house.begin(house.publisher.publish_once("results.acme.1", b"x", {"a": "b"}))
    fields = house.broker.sent[0].headers or {}
    assert (fields["a"], fields["Nats-Expected-Last-Subject-Sequence"]) == ("b", "0")
    await house.broker.refuse(house.broker.sent[0], 10071)
    assert await publishing is False
    house.publisher.stop()


async def test_its_own_copy_is_not_taken_for_another_message(house: House) -> None:
    publishing = await house.begin(house.publisher.publish_once("results.acme.1", b"x", None))
    await until(lambda: len(house.broker.sent) > 1)
    assert len({str(sent.headers) for sent in house.broker.sent}) == 1
    await house.broker.answer(house.broker.sent[0], seq=1, duplicate=True)
    assert await publishing is True
    house.publisher.stop()


@pytest.mark.parametrize(
    ("code", "error"), [(10077, StreamFullError), (10054, MessageTooLargeError), (10047, BusUnavailableError)]
)
async def test_a_refusal_is_told(house: House, code: int, error: type[Exception]) -> None:
    publishing = await house.begin(house.publisher.publish("requests.acme", b"x", IDENTIFIED))
    await house.broker.refuse(house.broker.sent[0], code)
    with pytest.raises(error):
        await publishing
    house.publisher.stop()


async def test_closing_ends_what_is_in_flight(house: House) -> None:
    publishing = await house.begin(house.publisher.publish("requests.acme", b"x", IDENTIFIED))
    house.publisher.stop()
    with pytest.raises(BusUnavailableError, match="closed"):
        await publishing


def test_the_stand_in_has_what_the_client_has() -> None:
    assert all(hasattr(Client, name) for name in ("new_inbox", "subscribe", "publish", "is_connected"))
