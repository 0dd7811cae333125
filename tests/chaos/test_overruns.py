"""A thousand requests that outgrow their lane, while workers of both lanes are killed."""

from tests.chaos.overruns import OVERRUNS, overruns


async def test_every_overrun_is_the_undisturbed_answer() -> None:
    moves = await overruns()
    report = moves.report
    print(report.text())
    assert sum(report.kills.values()) >= OVERRUNS.at_least_kills
    assert report.kept
    assert report.crashes == {}
    assert moves.not_moved == []
    # An event that a killed worker did not send any more is lost.
    assert moves.told >= 0.95 * OVERRUNS.requests
