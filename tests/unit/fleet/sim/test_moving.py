"""Lanes whose boundary moves while they run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fleet.sim.fleets import ROWS, fleet, pool, trace
from tokenlane_fleet import FleetError
from tokenlane_fleet.sim.fleet import Pull, Steal
from tokenlane_fleet.sim.moving import Look, Move, simulate_moving
from tokenlane_fleet.sim.run import simulate

BUSY = [(0.01 * number, 50 if number % 2 else 150, 40) for number in range(120)]


@settings(deadline=None, max_examples=25)
@given(ROWS, st.sampled_from([Steal.NEVER, Steal.WHEN_IDLE]))
def test_a_boundary_that_stays_changes_nothing(rows: list[tuple[float, int, int]], steal: Steal) -> None:
    requests, lanes = trace(rows), fleet(pool(1, "short", 100), pool(1, "long"), dispatch=Pull(steal=steal))
    still = simulate_moving(requests, lanes, lambda look: (100,), 0.05)
    assert (still.result.finished_s == simulate(requests, lanes).finished_s).all()
    assert still.moves == ()


def test_what_comes_later_goes_to_the_other_lane() -> None:
    requests, lanes = trace(BUSY), fleet(pool(1, "short", 1_000), pool(1, "long"))
    moved = simulate_moving(requests, lanes, lambda look: (0 if look.now_s >= 0.5 else 1_000,), 0.1)
    (move,) = moved.moves
    assert move == Move(move.at_s, (0,))
    assert move.at_s == pytest.approx(0.5)
    assert (moved.result.pool[requests.arrival_s <= 0.5] == 0).all()
    assert (moved.result.pool[requests.arrival_s > 0.5] == 1).all()


def test_a_look_tells_what_came_and_ended_since_the_last_one() -> None:
    looks: list[Look] = []

    def mover(look: Look) -> tuple[int, ...]:
        looks.append(look)
        return (100,)

    requests = trace(BUSY)
    result = simulate_moving(requests, fleet(pool(1, "short", 100), pool(1, "long")), mover, 0.25).result
    arrived = np.concatenate([look.arrived for look in looks])
    finished = np.concatenate([look.finished for look in looks])
    assert arrived.tolist() == list(range(len(requests)))
    assert len(set(finished.tolist())) == len(finished) > 100
    for look in looks:
        assert (look.ended_s == result.finished_s[look.finished]).all()
        assert (look.ended_s <= look.now_s).all()
        assert (look.ran == result.pool[look.finished]).all()
    assert max(sum(look.waiting_tokens) for look in looks) > 0


@pytest.mark.parametrize("wanted", [(), (1, 2), (-1,)])
def test_boundaries_must_fit_the_fleet(wanted: tuple[int, ...]) -> None:
    with pytest.raises(FleetError, match="boundaries"):
        simulate_moving(trace(BUSY), fleet(pool(1, "short", 100), pool(1, "long")), lambda look: wanted, 0.1)
    with pytest.raises(FleetError, match="interval"):
        simulate_moving(trace(BUSY), fleet(), lambda look: (), 0)
