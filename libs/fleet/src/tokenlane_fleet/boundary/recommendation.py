"""What recorded traffic asks for."""

from collections.abc import Sequence

from tokenlane_fleet.boundary.choice import choose
from tokenlane_fleet.boundary.lengths import Lengths
from tokenlane_fleet.boundary.traffic import (
    BoundaryDecision,
    BoundarySettings,
    Current,
    LaneCapacity,
    Recommendation,
)


def recommend(
    lengths: Lengths,
    capacities: Sequence[LaneCapacity],
    settings: BoundarySettings | None = None,
    rate: float | None = None,
) -> Recommendation:
    """The division that the traffic asks for, whatever there is now, and how others would do. `rate`: requests a second
    to size for, if not the average that was observed. Raises ValueError without a lane."""
    settings = settings or BoundarySettings()
    if not capacities:
        raise ValueError("a recommendation needs at least one lane")
    traffic = lengths.traffic(rate=rate)
    choice = choose(traffic, capacities, settings, ())
    wanted, reason = choice.wanted, choice.reason(choice.wanted, None)
    if traffic.weight < settings.least_observations:
        wanted = choice.best
        reason = f"{traffic.weight:.0f} requests known, {settings.least_observations:g} are needed"
    decision = BoundaryDecision(wanted.uppers, reason, False, Current(wanted.uppers), outlook=wanted)
    return Recommendation(decision, choice.curve, choice.alone)
