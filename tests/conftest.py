"""Both kinds of bus, for whatever must hold on either."""

from collections.abc import AsyncIterator

import pytest
import structlog

from tests.support.nats_server import NatsServer
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.connection import connect
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.settings import ServiceSettings


@pytest.fixture(params=["fake", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "fake":
        yield FakeBus()
        return
    with NatsServer() as server:
        real = await connect(ServiceSettings(nats_url=server.url), "test", structlog.get_logger(), lambda: None)
        yield real
        await real.close()
