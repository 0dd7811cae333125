"""Where a model's lanes divide, from the lengths that were seen and what the lanes can do. Pure, free of numpy.

`Lengths` remembers the traffic, `decide` follows it with hysteresis, `recommend` says what it asks for.
"""

from tokenlane_fleet.boundary.lengths import Cell, Lengths
from tokenlane_fleet.boundary.recent import RecentLengths
from tokenlane_fleet.boundary.recommendation import recommend
from tokenlane_fleet.boundary.rule import decide
from tokenlane_fleet.boundary.traffic import (
    BoundaryDecision,
    BoundarySettings,
    Current,
    LaneCapacity,
    LaneOutlook,
    LaneUpper,
    Outlook,
    Recommendation,
    Slice,
    Traffic,
    Uppers,
)

__all__ = [
    "BoundaryDecision",
    "BoundarySettings",
    "Cell",
    "Current",
    "LaneCapacity",
    "LaneOutlook",
    "LaneUpper",
    "Lengths",
    "Outlook",
    "RecentLengths",
    "Recommendation",
    "Slice",
    "Traffic",
    "Uppers",
    "decide",
    "recommend",
]
