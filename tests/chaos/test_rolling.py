"""A rolling restart of everything under load."""

from tests.chaos.rolling import rolling_restart
from tests.support.fleet import FleetConfig


async def test_clients_see_no_error() -> None:
    """The official client as it comes: two retries, no idempotency key."""
    rolled = await rolling_restart(25, FleetConfig(shared_port=True))
    print(f"{rolled.requests} requests over {rolled.restarts}")
    assert rolled.errors == []
    assert len(rolled.restarts) == 8
