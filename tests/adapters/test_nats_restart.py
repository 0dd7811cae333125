"""What the real bus survives: its server killed and back, JetStream off, limits too small, foreign streams."""

import asyncio

import pytest
import structlog
from nats.aio.client import Client
from nats.js.api import RetentionPolicy, StreamConfig

from tests.support.nats_server import NatsServer
from tokenlane_chassis.bus import Delivery
from tokenlane_chassis.connection import connect
from tokenlane_chassis.errors import BusUnavailableError, StartError
from tokenlane_chassis.nats_bus import NatsBus
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto import topology


async def connected(server: NatsServer, **settings: object) -> NatsBus:
    chosen = ServiceSettings(nats_url=server.url, start_timeout_s=10, **settings)  # type: ignore[arg-type]
    return await connect(chosen, "test", structlog.get_logger(), lambda: None)


async def publish_until_taken(bus: NatsBus, subject: str, payload: bytes) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await bus.publish_durable(subject, payload)
                return
            except BusUnavailableError:
                await asyncio.sleep(0.05)


async def test_pulls_and_watches_go_on_after_the_server_was_killed() -> None:
    with NatsServer() as server:
        bus = await connected(server)
        deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
        values: asyncio.Queue[bytes | None] = asyncio.Queue()
        await bus.pull(topology.CLASSIFIER_CONSUMER, deliveries.put_nowait, lambda: 8)
        await bus.watch(topology.LANE_BUCKET, lambda key, value: values.put_nowait(value))
        await bus.publish_durable("requests.acme", b"before")
        first = await asyncio.wait_for(deliveries.get(), 5)
        first.ack()
        await bus.flush()
        server.kill_and_restart()
        await publish_until_taken(bus, "requests.acme", b"after")
        async with asyncio.timeout(20):
            while (delivery := await deliveries.get()).data != b"after":
                delivery.ack()
            await bus.put(topology.LANE_BUCKET, "short.m", b"profile")
            assert await values.get() == b"profile"
        await bus.close()


async def test_an_acknowledged_message_outlives_a_kill() -> None:
    with NatsServer() as server:
        bus = await connected(server)
        for number in range(50):
            await bus.publish_durable("requests.acme", str(number).encode())
        server.kill_and_restart()
        async with asyncio.timeout(20):
            while True:
                try:
                    counts = await bus.subject_counts(topology.REQUESTS, "requests.*")
                    break
                except BusUnavailableError:
                    await asyncio.sleep(0.05)
        assert counts == {"requests.acme": 50}
        await bus.close()


async def test_jetstream_off_is_said_in_one_line() -> None:
    with (
        NatsServer(jetstream=False) as server,
        pytest.raises(StartError, match=r"JetStream is off .* nats-server with -js"),
    ):
        await connected(server)


async def test_a_small_max_payload_is_said_in_one_line() -> None:
    complaint = r"takes 65536 bytes a message, tokenlane needs 81920"
    with NatsServer(max_payload=64 * 1024) as server, pytest.raises(StartError, match=complaint):
        await connected(server)


async def test_no_server_is_said_in_one_line() -> None:
    settings = ServiceSettings(nats_url="nats://127.0.0.1:1", start_timeout_s=0.5)
    with pytest.raises(StartError, match=r"no bus at nats://127\.0\.0\.1:1"):
        await connect(settings, "test", structlog.get_logger(), lambda: None)


async def test_a_stream_of_that_name_with_other_subjects_is_refused_and_left_alone() -> None:
    with NatsServer() as server:
        client = Client()
        await client.connect(server.url)
        await client.jetstream().add_stream(StreamConfig(name=topology.REQUESTS, subjects=["mine.*"]))
        with pytest.raises(StartError, match=topology.REQUESTS):
            await connected(server)
        assert (await client.jetstream().stream_info(topology.REQUESTS)).config.subjects == ["mine.*"]
        await client.close()


async def test_a_tuned_stream_is_reported_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    with NatsServer() as server:
        client = Client()
        await client.connect(server.url)
        tuned = StreamConfig(
            name=topology.REQUESTS, subjects=["requests.*"], retention=RetentionPolicy.WORK_QUEUE, max_age=60
        )
        await client.jetstream().add_stream(tuned)
        with structlog.testing.capture_logs() as logs:
            bus = await connected(server)
        reported = {entry["setting"] for entry in logs if entry.get("what") == f"stream {topology.REQUESTS}"}
        assert "max_age" in reported
        assert (await client.jetstream().stream_info(topology.REQUESTS)).config.max_age == 60
        await bus.close()
        await client.close()
