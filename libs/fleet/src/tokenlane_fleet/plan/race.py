"""Which of some fleets keeps the objectives at the highest load, with as few simulations as that takes.

All that are left run at the same load; those that fail drop out; the load rises until one is left. A change of a
setting that brings nothing costs one simulation. Loads are 3 % apart (`LOAD_STEP`): smaller differences are noise.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenlane_fleet.plan.design import Candidate
from tokenlane_fleet.plan.moves import Move
from tokenlane_fleet.plan.trials import Misses, Trial, Trials
from tokenlane_fleet.plan.workload import Workload

LOWEST_LOAD, HIGHEST_LOAD = -120, 160

Slacks = Callable[[Sequence[tuple[Candidate, int]]], Sequence[float]]
"""By (candidate, load): how far it is from missing the objectives; negative where it does miss them."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A fleet and the highest load (a power of LOAD_STEP) that it was seen to keep."""

    candidate: Candidate
    load: int


def slack(missed: Misses, allowed: Sequence[float]) -> float:
    """Misses that are left to the class that has least of them, in parts of those allowed."""
    left = [(may - did) / (may + 1) for did, may in zip(missed, allowed, strict=True) if math.isfinite(may)]
    return min(left, default=0.0)


def slacks_of(trials: Trials, workload: Workload) -> Slacks:
    """How fleets do under a workload."""

    def slacks(asked: Sequence[tuple[Candidate, int]]) -> list[float]:
        missed = trials.misses([Trial(workload, load, of.design, of.replicas) for of, load in asked])
        return [slack(of, workload.allowed) for of in missed]

    return slacks


def race(slacks: Slacks, candidates: Sequence[Candidate], start: int = 0, step: int = 8) -> Ranked | None:
    """The fleet that keeps the highest load, searched from `start` up and down; None if none keeps any.

    Of equals at that load the one with most slack wins, then the first.
    """
    candidates = list(dict.fromkeys(candidates))
    load, left = start, _left(slacks, candidates, start)
    while not left:
        if load == LOWEST_LOAD:
            return None
        load, step = max(load - step, LOWEST_LOAD), 2 * step
        left = _left(slacks, candidates, load)
    return climbed(slacks, left, load, step // 4 if load < start else step)


def climbed(slacks: Slacks, left: Sequence[tuple[float, Candidate]], load: int, step: int) -> Ranked:
    """From fleets that keep `load` to the last one left above it."""
    while step >= 1:
        above = min(load + step, HIGHEST_LOAD)
        survivors = _left(slacks, [candidate for _, candidate in left], above) if above > load else []
        if survivors:
            left, load = survivors, above
        else:
            step //= 2
    return Ranked(max(left, key=lambda entry: entry[0])[1], load)


def improved(slacks: Slacks, leader: Ranked, ways: Sequence[Move]) -> Ranked:
    """One sweep over all settings: a change is made where it keeps at least one load more."""
    for move in ways:
        left = _left(slacks, move(leader.candidate), leader.load + 1)
        if left:
            leader = climbed(slacks, left, leader.load + 1, 2)
    return leader


def _left(slacks: Slacks, candidates: Sequence[Candidate], load: int) -> list[tuple[float, Candidate]]:
    scores = slacks([(candidate, load) for candidate in candidates]) if candidates else []
    return [(score, candidate) for score, candidate in zip(scores, candidates, strict=True) if score >= 0]
