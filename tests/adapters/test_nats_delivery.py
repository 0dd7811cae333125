"""What only the real bus can show: claims that run out, and messages sent again until the broker has them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import structlog
from nats.aio.client import Client
from nats.js.api import StreamConfig

from tests.support.nats_server import NatsServer
from tests.support.waiting import until
from tokenlane_chassis import connection
from tokenlane_chassis.bus import Delivery, Message, Stored
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_chassis.nats_bus import NatsBus
from tokenlane_proto import topology
from tokenlane_proto.headers import MSG_ID

CONSUMER = replace(topology.CLASSIFIER_CONSUMER, name="impatient", ack_wait_s=1)


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with NatsServer() as running:
        yield running
        running.resume()


@pytest.fixture
async def bus(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NatsBus]:
    monkeypatch.setattr(connection, "_PING_S", 0.5)
    connected = await connect(BusOptions(server.url), "test", structlog.get_logger(), lambda: None)
    yield connected
    await connected.close()


@pytest.fixture
async def plain(server: NatsServer, bus: NatsBus) -> AsyncIterator[Client]:
    """A client of nats-py's own, once the streams are there."""
    client = Client()
    await client.connect(server.url)
    await client.jetstream().delete_consumer(topology.REQUESTS, topology.CLASSIFIER)
    yield client
    await client.close()


async def pulled(bus: NatsBus) -> tuple[Delivery, "asyncio.Queue[Delivery]"]:
    seen: asyncio.Queue[Delivery] = asyncio.Queue()
    await bus.publish_durable("requests.acme", b"body")
    await bus.pull(CONSUMER, seen.put_nowait, lambda: 4)
    return await asyncio.wait_for(seen.get(), 5), seen


async def test_a_claim_without_signs_of_life_is_lost_and_its_ack_does_nothing(bus: NatsBus, plain: Client) -> None:
    first, seen = await pulled(bus)
    second = await asyncio.wait_for(seen.get(), 5)
    assert (first.lost, second.lost, second.attempt) == (True, False, 2)
    first.ack()
    first.nak()
    await bus.flush()
    assert (await bus.consumer_counts(CONSUMER)).in_progress == 1
    assert seen.empty()
    second.ack()
    await until(lambda: _is_empty(bus))


async def test_a_claim_lasts_as_long_as_the_broker_confirms_signs_of_life(bus: NatsBus, plain: Client) -> None:
    delivery, seen = await pulled(bus)
    end = time.monotonic() + 2.5 * CONSUMER.ack_wait_s

    def alive() -> bool:
        delivery.in_progress()
        assert not delivery.lost
        return time.monotonic() > end

    await until(alive, every_s=0.2)
    assert seen.empty()
    delivery.ack()
    await until(lambda: _is_empty(bus))


async def test_a_claim_that_the_broker_does_not_confirm_is_lost_for_good(
    server: NatsServer, bus: NatsBus, plain: Client
) -> None:
    delivery, seen = await pulled(bus)
    server.pause()

    def lost() -> bool:
        delivery.in_progress()
        return delivery.lost

    await until(lost, every_s=0.1)
    server.resume()
    redelivered = await asyncio.wait_for(seen.get(), 20)
    delivery.in_progress()
    await bus.flush()
    assert delivery.lost
    redelivered.ack()


async def test_a_paused_server_is_noticed(server: NatsServer, bus: NatsBus) -> None:
    told = asyncio.Event()
    bus.on_reconnected(told.set)
    server.pause()
    await until(lambda: not bus.connected)
    server.resume()
    await asyncio.wait_for(told.wait(), 20)
    assert bus.connected


async def test_a_message_waits_for_its_stream(bus: NatsBus, plain: Client) -> None:
    copies: asyncio.Queue[Message] = asyncio.Queue()
    await bus.subscribe("late.*", copies.put_nowait)
    publishing = asyncio.create_task(bus.publish_durable("late.1", b"x", {MSG_ID: "1"}))
    await asyncio.wait_for(copies.get(), 5)
    await plain.jetstream().add_stream(StreamConfig(name="LATE", subjects=["late.*"]))
    assert await asyncio.wait_for(publishing, 5) == Stored(1)


async def test_what_was_on_its_way_when_the_server_died_is_stored_once(server: NatsServer, bus: NatsBus) -> None:
    sending = [
        asyncio.create_task(bus.publish_durable("requests.acme", b"x", {MSG_ID: f"acme.{number}"}))
        for number in range(200)
    ]
    once = [asyncio.create_task(bus.publish_once(f"results.acme.{number}", b"x")) for number in range(200)]
    updates = [asyncio.create_task(bus.update(topology.ESTIMATE_BUCKET, f"p.{n}", b"x", 0)) for n in range(200)]
    await asyncio.sleep(0)
    server.kill_and_restart()
    assert len(await asyncio.wait_for(asyncio.gather(*sending), 20)) == 200
    assert await asyncio.wait_for(asyncio.gather(*once), 20) == [True] * 200
    assert await asyncio.wait_for(asyncio.gather(*updates), 20) == [True] * 200
    assert await bus.subject_counts(topology.REQUESTS, "requests.*") == {"requests.acme": 200}
    assert not await bus.publish_once("results.acme.1", b"another")


async def test_what_is_asked_while_the_server_is_away_is_answered_after_it_is_back(
    server: NatsServer, bus: NatsBus
) -> None:
    await bus.publish_durable("progress.acme.1", b"1")
    await bus.put(topology.KEY_BUCKET, "acme.k", b"value")
    server.pause()
    reading = asyncio.gather(
        bus.messages(topology.PROGRESS, "progress.acme.1"),
        bus.get(topology.KEY_BUCKET, "acme.k"),
        bus.create(topology.KEY_BUCKET, "acme.k", b"other"),
        bus.put_object(topology.BODY_STORE, "name", b"body"),
    )
    assert await bus.ask("status.acme", b"", 0.1) == []
    await until(lambda: not bus.connected)
    server.resume()
    found, value, present, _ = await asyncio.wait_for(reading, 20)
    assert [message.data for message in found] == [b"1"]
    assert (value, present) == (b"value", b"value")
    assert await bus.get_object(topology.BODY_STORE, "name") == b"body"


async def test_questions_are_answered_after_a_reconnect(server: NatsServer, bus: NatsBus) -> None:
    reconnected = asyncio.Event()
    bus.on_reconnected(reconnected.set)
    await bus.subscribe("status.*", lambda asked: bus.post(asked.reply, b"here"))
    server.kill_and_restart()
    await asyncio.wait_for(reconnected.wait(), 20)
    assert [answer.data for answer in await bus.ask("status.acme", b"", 5)] == [b"here"]


async def test_objects_are_those_of_other_nats_clients(bus: NatsBus, plain: Client) -> None:
    theirs = await plain.jetstream().object_store(topology.BODY_STORE)
    body = b"0123456789" * 200_000
    await bus.put_object(topology.BODY_STORE, "acme.ours", body)
    assert (await theirs.get("acme.ours")).data == body
    await theirs.put("acme.theirs", body)
    assert await bus.get_object(topology.BODY_STORE, "acme.theirs") == body
    await theirs.delete("acme.theirs")
    assert await bus.get_object(topology.BODY_STORE, "acme.theirs") is None
    await bus.delete_object(topology.BODY_STORE, "acme.ours")
    left = (await plain.jetstream().stream_info(f"OBJ_{topology.BODY_STORE}")).state
    assert left.messages == 1, "their own mark of what they deleted"


async def test_keys_and_objects_live_as_long_as_the_topology_says(bus: NatsBus, plain: Client) -> None:
    ages = {
        name: (await plain.jetstream().stream_info(name)).config.max_age or 0
        for name in ("KV_tokenlane_keys", "KV_tokenlane_lanes", "OBJ_tokenlane_bodies")
    }
    assert ages == {"KV_tokenlane_keys": 86_400, "KV_tokenlane_lanes": 0, "OBJ_tokenlane_bodies": 86_400}


async def test_a_client_creates_nothing(server: NatsServer) -> None:
    options = BusOptions(server.url)
    client = await connect(options, "test", structlog.get_logger(), lambda: None, ensure_topology=False)
    plain = Client()
    await plain.connect(server.url)
    assert await plain.jetstream().streams_info() == []
    await plain.close()
    await client.close()


async def _is_empty(bus: NatsBus) -> bool:
    return not await bus.subject_counts(topology.REQUESTS, "requests.*")
