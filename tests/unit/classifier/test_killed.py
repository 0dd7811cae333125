"""A classifier process that is killed, again and again, loses nothing and doubles nothing."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping

import nats
import structlog

from tests.support.nats_server import NatsServer
from tests.support.waiting import until
from tests.unit.classifier.conftest import register_lanes
from tests.unit.classifier.test_service import envelope, settled
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.connection import connect
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto import topology

REQUESTS = 4_000
KILLS = 3


async def started(environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tokenlane_classifier", env=environment)


async def redeliver_after(seconds: float, url: str) -> None:
    """Let the classifier's consumer wait less for an acknowledgement than the half minute it has by default."""
    client = await nats.connect(url)
    jetstream = client.jetstream()
    config = (await jetstream.consumer_info(topology.REQUESTS, topology.CLASSIFIER)).config
    config.ack_wait = seconds
    await jetstream.add_consumer(topology.REQUESTS, config)
    await client.close()


async def classified(bus: Bus) -> int:
    return sum((await bus.subject_counts(topology.LANES, ">")).values())


async def kill_in_mid_work(process: asyncio.subprocess.Process, bus: Bus) -> None:
    """Kill as soon as it is seen to make progress."""
    before = await classified(bus)

    async def progressed() -> bool:
        return await classified(bus) > before

    await until(progressed)
    process.kill()
    await process.wait()


async def test_killed_in_mid_work() -> None:
    with NatsServer() as server:
        bus = await connect(ServiceSettings(nats_url=server.url), "test", structlog.get_logger(), lambda: None)
        await register_lanes(bus)
        await redeliver_after(0.5, server.url)
        environment = os.environ | {"TOKENLANE_NATS_URL": server.url, "TOKENLANE_METRICS_PORT": "0"}
        await asyncio.gather(*(bus.publish_durable("requests.acme", envelope(f"r{n}")) for n in range(REQUESTS)))
        for _ in range(KILLS):
            await kill_in_mid_work(await started(environment), bus)
        last = await started(environment)
        await settled(bus)
        last.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(last.wait(), 10) == 0
        assert await classified(bus) == REQUESTS
        await bus.close()
