"""What runs beside what, and both kinds of bus, for whatever must hold on either."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from tests.support.nats_server import NatsServer
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.connection import connect
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.settings import ServiceSettings

_TESTS = Path(__file__).parent
# Suites that fill the machine with processes run one after the other, in this order: the last ones alone.
_PROCESSES = ("adapters", "e2e", "fuzz", "chaos", "validation")
# These beside them, and whatever is not named here too.
_BESIDE = ("containers", "helm")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the suites, and tell pytest-xdist which must not run beside each other."""
    suites = {item: item.path.relative_to(_TESTS).parts[0] for item in items}
    order = [*_PROCESSES, *_BESIDE]
    items.sort(key=lambda item: order.index(suites[item]) if suites[item] in order else len(order))
    for item, suite in suites.items():
        if suite in order:
            item.add_marker(pytest.mark.xdist_group("processes" if suite in _PROCESSES else suite))


@pytest.fixture(params=["fake", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "fake":
        yield FakeBus()
        return
    with NatsServer() as server:
        real = await connect(ServiceSettings(nats_url=server.url), "test", structlog.get_logger(), lambda: None)
        yield real
        await real.close()
