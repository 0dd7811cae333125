"""The autoscaler's own boundary under traffic that changes, small: it follows in minutes and does not flap."""

import numpy as np
import pytest

from bench.fleet.boundary import compare
from bench.fleet.boundary_traffic import changing
from tokenlane_fleet.boundary import BoundarySettings


@pytest.mark.parametrize("lanes", ["fixed", "elastic"])
def test_it_follows_the_traffic_and_keeps_near_the_best_fixed_boundary(lanes: str) -> None:
    traffic = changing(4, 300.0, np.random.default_rng(2))
    row = compare("poisson", traffic, (2, 2), lanes)
    assert row.changes
    assert row.changes[0][0] < 120
    assert row.shortest_gap_s is None or row.shortest_gap_s >= BoundarySettings().interval_s
    assert row.ours_s[0] <= 2 * row.single_s[0]
    assert row.worst <= 2
