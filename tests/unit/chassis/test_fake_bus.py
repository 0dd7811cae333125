"""What tests may do to the bus in memory."""

import asyncio

import pytest

from tokenlane_chassis.bus import Delivery, Message, Stored
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_proto import topology
from tokenlane_proto.headers import MSG_ID


async def test_a_lost_connection_loses_posts_and_a_reconnect_is_told() -> None:
    bus, seen, told = FakeBus(), list[Message](), list[str]()
    await bus.subscribe("usage.*", seen.append)
    bus.on_reconnected(lambda: told.append("back"))
    bus.drop_connection()
    bus.post("usage.acme", b"lost")
    assert await bus.ask("usage.acme", b"lost", 0.01) == []
    with pytest.raises(BusUnavailableError):
        await bus.publish_once("results.acme.1", b"x")
    assert (told, seen) == ([], [])
    bus.reconnect()
    bus.post("usage.acme", b"heard")
    await bus.flush()
    assert (told, [message.data for message in seen]) == (["back"], [b"heard"])


async def test_a_message_id_is_forgotten_after_the_window() -> None:
    bus = FakeBus()
    await bus.publish_durable("requests.acme", b"x", {MSG_ID: "1"})
    bus.forget_message_ids()
    assert await bus.publish_durable("requests.acme", b"x", {MSG_ID: "1"}) == Stored(2)


async def test_a_lost_delivery_settles_nothing_and_another_can_have_it() -> None:
    bus, seen = FakeBus(), asyncio.Queue[Delivery]()
    await bus.publish_durable("requests.acme", b"x")
    await bus.pull(topology.CLASSIFIER_CONSUMER, seen.put_nowait, lambda: 1)
    await seen.get()
    (lost,) = bus.deliveries
    lost.lost = True
    lost.ack()
    lost.nak()
    assert lost.settled == ""
    bus.release(lost.stored)
    assert (await seen.get()).attempt == 2
