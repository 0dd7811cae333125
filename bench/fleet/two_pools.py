"""The fewest replicas of two pools that share what may be missed: for each long pool the smallest short one."""

from collections.abc import Sequence

from tokenlane_fleet.plan.design import Candidate
from tokenlane_fleet.plan.monotone import lowest
from tokenlane_fleet.plan.sizing import Size
from tokenlane_fleet.plan.trials import Trial, Trials
from tokenlane_fleet.plan.workload import Workload

LONG_SIZES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
AROUND = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)


def fewest_sharing(trials: Trials, of: Workload, candidate: Candidate, most: int) -> Size:
    """Where requests of the long pool miss their limits whatever its size, the short one must miss fewer."""
    design = candidate.design
    short, long = (trials.lane(of, *bounds) for bounds in design.bounds())
    if short is None or long is None:
        return Size(candidate.replicas, False)
    best = Size((most, most), False)
    guess = candidate.replicas[1]
    for count in sorted({*LONG_SIZES, *(max(1, round(guess * factor)) for factor in AROUND)}):
        missed = trials.misses([Trial(long, 0, design.alone(1), (count,))])[0]
        left = [may - did for may, did in zip(of.allowed, missed, strict=True)]
        found = _smallest(trials, short, candidate, left, min(most, best.total - count - 1))
        if found is not None and found + count < best.total:
            best = Size((found, count), True)
    return best


def _smallest(trials: Trials, lane: Workload, of: Candidate, left: Sequence[float], most: int) -> int | None:
    if min(left) < 0 or most < 1:
        return None

    def holds(counts: Sequence[int]) -> list[bool]:
        asked = [Trial(lane, 0, of.design.alone(0), (count,)) for count in counts]
        return [all(did <= may for did, may in zip(missed, left, strict=True)) for missed in trials.misses(asked)]

    return lowest(holds, min(of.replicas[0], most), 1, most)
