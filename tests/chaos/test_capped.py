"""Limits of tenants hold when processes are killed."""

from tests.chaos.capped import IN_FLIGHT, capped


async def test_no_tenant_takes_more_than_it_may() -> None:
    found = await capped()
    print(found)
    assert found.lost == []
    assert found.doubled == []
    assert found.failed == []
    # The killed worker had something, and the limits were reached.
    assert found.redelivered > 0
    assert found.refused > 0
    assert 0.7 * IN_FLIGHT < found.most_in_flight <= IN_FLIGHT
    assert 0.7 * found.allowed < found.used <= found.allowed
