"""The best of several is found, and what brings nothing costs one simulation."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleet.plan.analytic import ENGINE, HARDWARE, SLO, made, trials
from tokenlane_fleet.plan.design import Candidate, one_pool
from tokenlane_fleet.plan.moves import moves, with_step_budget
from tokenlane_fleet.plan.policies import FIFO
from tokenlane_fleet.plan.race import HIGHEST_LOAD, LOWEST_LOAD, Ranked, improved, race, slack, slacks_of
from tokenlane_fleet.plan.workload import workload

CANDIDATES = [Candidate(one_pool(ENGINE, FIFO), (count,)) for count in range(1, 13)]


class Known:
    """Candidates with a known highest load each."""

    def __init__(self, loads: Sequence[int]) -> None:
        self.loads = dict(zip(CANDIDATES, loads, strict=False))
        self.asked = 0

    def __call__(self, asked: Sequence[tuple[Candidate, int]]) -> list[float]:
        self.asked += len(asked)
        return [float(self.loads[candidate] - load) for candidate, load in asked]


@given(st.lists(st.integers(LOWEST_LOAD, HIGHEST_LOAD), min_size=1, max_size=12), st.integers(-40, 40))
def test_a_race_finds_the_highest_load(loads: list[int], start: int) -> None:
    known = Known(loads)
    ranked = race(known, CANDIDATES[: len(loads)], start)
    assert ranked is not None
    assert ranked.load == max(loads)
    assert known.loads[ranked.candidate] == max(loads)


def test_none_wins_where_none_keeps_any_load() -> None:
    assert race(Known([LOWEST_LOAD - 1] * 3), CANDIDATES[:3]) is None


def test_of_equals_the_first_wins() -> None:
    assert race(Known([7, 7, 3]), CANDIDATES[:3]) == Ranked(CANDIDATES[0], 7)


def test_a_change_that_brings_nothing_costs_one_simulation() -> None:
    known = Known([5, 5, 4, 3])
    leader = improved(known, Ranked(CANDIDATES[0], 5), [lambda _: CANDIDATES[1:4]])
    assert leader == Ranked(CANDIDATES[0], 5)
    assert known.asked == 3


def test_each_step_of_a_sweep_begins_where_the_last_one_ended() -> None:
    known = Known([5, 8, 12])
    ways = [lambda of: [CANDIDATES[CANDIDATES.index(of) + 1]]] * 2
    assert improved(known, Ranked(CANDIDATES[0], 5), ways) == Ranked(CANDIDATES[2], 12)


def test_slack_is_that_of_the_class_with_least_and_none_of_an_empty_one() -> None:
    assert slack((5, 2), (10.0, 3.0)) == 0.25
    assert slack((11, 0), (10.0, 3.0)) < 0
    assert slack((0, 0), (10.0, float("inf"))) == 10 / 11


def test_a_sweep_finds_the_best_step_budget() -> None:
    with trials() as run:
        slacks = slacks_of(run, workload(made(100, 5.0), SLO))
        leader = race(slacks, [Candidate(one_pool(with_step_budget(ENGINE, 8192), FIFO), (10,))])
        assert leader is not None
        for _ in range(2):
            leader = improved(slacks, leader, moves(leader.candidate.design, HARDWARE))
        assert leader.candidate.design.lanes[0].engine.max_num_batched_tokens == 1024
