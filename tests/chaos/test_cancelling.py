"""Five hundred of a thousand running requests are cancelled."""

from tests.chaos.cancelling import Way, cancel_many


async def test_work_stops_at_once_and_its_tokens_come_back() -> None:
    found = await cancel_many(1000, 500)
    print(f"P95 {found.p95_s() * 1e3:.1f} ms, { ({way: round(found.p95_s(way) * 1e3, 1) for way in Way}) }")
    for way in Way:
        assert found.p95_s(way) < 0.25
    assert found.committed_before > 0
    assert found.committed_between == found.committed_before / 2
    assert found.committed_after == 0
    assert found.outcomes == {"cancelled": 500, "completed": 500}
