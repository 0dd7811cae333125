"""The chassis against a bus in a container."""

import warnings
from collections.abc import Iterator

import pytest
import structlog
from testcontainers.core.config import testcontainers_config

from tests.containers.engine import Engine
from tokenlane_chassis.bus import Stored
from tokenlane_chassis.connection import connect
from tokenlane_chassis.errors import StartError
from tokenlane_chassis.nats_bus import NatsBus
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto import topology

with warnings.catch_warnings():
    # It is written with what its own package has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from testcontainers.nats import NatsContainer

pytestmark = pytest.mark.filterwarnings("ignore:The wait_for_logs function:DeprecationWarning")

IMAGE = "nats:2.12-alpine"


@pytest.fixture(autouse=True)
def _ask_this_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine.host:
        monkeypatch.setenv("DOCKER_HOST", engine.host)
    # It is an image of its own, to clean up after tests that are killed.
    monkeypatch.setattr(testcontainers_config, "_ryuk_disabled", True)


async def join(container: NatsContainer, **settings: int) -> NatsBus:
    found = ServiceSettings(nats_url=container.nats_uri(), **settings)  # type: ignore[arg-type]
    return await connect(found, "test", structlog.get_logger(), lambda: None)


@pytest.fixture
def container(images: dict[str, str]) -> Iterator[NatsContainer]:
    with NatsContainer(images.get("NATS_IMAGE", IMAGE), jetstream=True) as running:
        yield running


async def test_two_services_that_start_agree_on_the_streams(container: NatsContainer) -> None:
    first, second = await join(container, max_body_bytes=65536), await join(container, max_body_bytes=65536)
    assert await first.publish_durable("requests.acme", b"{}") == Stored(1)
    stored = await second.last(topology.REQUESTS, "requests.acme")
    assert stored is not None
    assert stored.data == b"{}"
    await first.close()
    await second.close()


async def test_a_stock_server_is_large_enough(container: NatsContainer) -> None:
    bus = await join(container)
    assert bus.max_payload == 1024 * 1024
    await bus.close()


async def test_a_bus_without_jetstream_is_refused(images: dict[str, str]) -> None:
    with NatsContainer(images.get("NATS_IMAGE", IMAGE)) as running, pytest.raises(StartError, match="JetStream is off"):
        await join(running)
