"""The client over a real nats-server that is killed and comes back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import structlog

from tests.support.nats_server import NatsServer
from tests.support.waiting import until
from tests.unit.client.openai_answers import HELLO, TEXT, WORDS, chunks, never, well
from tests.unit.client.worker import ScriptedWorker
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_client import Client


@dataclass
class House:
    """A broker, a worker and a client, each connected on its own."""

    server: NatsServer
    worker: ScriptedWorker
    client: Client

    async def restart(self) -> None:
        """Kill the broker, start it again, and wait until the worker is back."""
        await asyncio.to_thread(self.server.kill_and_restart)
        await until(lambda: self.worker.bus.connected, every_s=0.01)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    with NatsServer() as server:
        bus = await connect(BusOptions(server.url), "worker", structlog.get_logger(), lambda: None)
        worker = await ScriptedWorker(bus, never).start()
        async with await Client.connect(server.url, "demo") as client:
            yield House(server, worker, client)
        await worker.stop()
        await bus.close()


async def test_a_stream_goes_on_after_the_broker_was_killed(house: House) -> None:
    async with house.client.stream(model="sim", messages=HELLO) as stream:
        await until(lambda: house.worker.jobs != {})
        job = house.worker.jobs["demo", stream.request_id]
        job.emit(*chunks(job)[:2])
        texts = [(await anext(stream)).choices[0].delta.content for _ in range(2)]
        await house.restart()
        # Whether the client is back already decides whether it hears this.
        job.emit(*chunks(job)[2:])
        await job.end()
        texts += [chunk.choices[0].delta.content async for chunk in stream]
    assert texts == WORDS


async def test_a_result_that_came_while_the_client_was_away_is_found(house: House) -> None:
    waiting = asyncio.create_task(house.client.create(model="sim", messages=HELLO))
    await until(lambda: house.worker.jobs != {})
    [job] = house.worker.jobs.values()
    job.heard = False
    await well(job)
    await house.restart()
    assert (await waiting).choices[0].message.content == TEXT


async def test_a_request_sent_while_the_broker_is_away_is_accepted_once(house: House) -> None:
    house.worker.script = well
    await asyncio.to_thread(house.server.stop)
    waiting = [asyncio.create_task(house.client.create(model="sim", messages=HELLO)) for _ in range(20)]
    await asyncio.to_thread(house.server.start)
    for answer in await asyncio.gather(*waiting):
        assert answer.choices[0].message.content == TEXT
    assert len({request.request_id for request in house.worker.requests}) == len(house.worker.requests) == 20
