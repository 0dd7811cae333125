"""A worker and a reader on the same bus."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.client.openai_answers import well
from tests.unit.client.reading import Far, make
from tests.unit.client.worker import ScriptedWorker
from tokenlane_chassis.bus import Bus
from tokenlane_client import Client
from tokenlane_client.exchanges import Exchanges


@pytest.fixture
async def far(bus: Bus) -> AsyncIterator[Far]:
    far = Far(bus)
    await far.worker.start()
    yield far
    await far.worker.stop()


@pytest.fixture
async def exchanges(bus: Bus) -> AsyncIterator[Exchanges]:
    exchanges = await make(bus)
    yield exchanges
    await exchanges.stop()


@pytest.fixture
async def worker(bus: Bus) -> AsyncIterator[ScriptedWorker]:
    worker = await ScriptedWorker(bus, well).start()
    yield worker
    await worker.stop()


@pytest.fixture
async def client(bus: Bus) -> AsyncIterator[Client]:
    async with Client(bus, "demo") as client:
        yield client
