"""What runs beside what, and both kinds of bus, for whatever must hold on either."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from xdist.scheduler import LoadScopeScheduling

from tests.support.nats_server import NatsServer
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.connection import connect
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.settings import ServiceSettings

# Suites that fill the machine with processes run one after the other, in this order: the last ones alone.
_PROCESSES = ("adapters", "e2e", "fuzz", "chaos", "validation")
# These beside them, and whatever is not named here too.
_BESIDE = ("containers", "helm")


def _suite(path: str) -> str:
    """The folder of a test, by its path below the project's root."""
    return path.split("/")[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the suites."""
    order = [*_PROCESSES, *_BESIDE]
    suites = {item: _suite(item.nodeid) for item in items}
    items.sort(key=lambda item: order.index(suites[item]) if suites[item] in order else len(order))


class _Suites(LoadScopeScheduling):  # type: ignore[misc]
    """With pytest-xdist: suites of processes are one piece of work, every other one and every file of the rest another.
    (xdist's own groups do not come through in pytest 9.)"""

    def _split_scope(self, nodeid: str) -> str:
        suite = _suite(nodeid)
        if suite in _PROCESSES:
            return "processes"
        return suite if suite in _BESIDE else nodeid.split("::", 1)[0]


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """What runs beside what."""
    return _Suites(config, log)


@pytest.fixture(params=["fake", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "fake":
        yield FakeBus()
        return
    with NatsServer() as server:
        real = await connect(ServiceSettings(nats_url=server.url), "test", structlog.get_logger(), lambda: None)
        yield real
        await real.close()
