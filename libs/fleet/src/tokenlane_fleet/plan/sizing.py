"""The fewest replicas with which a design keeps the objectives, and the highest load that a fleet keeps.

Lanes that never touch each other are sized one by one. What a class may miss is then shared out between them: any
combination whose misses add up to no more than allowed will do, and the cheapest one is taken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from tokenlane_fleet.plan.design import Design
from tokenlane_fleet.plan.monotone import highest, lowest
from tokenlane_fleet.plan.race import HIGHEST_LOAD, LOWEST_LOAD, slack
from tokenlane_fleet.plan.trials import Trial, Trials
from tokenlane_fleet.plan.workload import Workload, allowed_misses, class_sizes

Replicas = tuple[int, ...]
_MOST_EXTRA = 12
"""Replicas above the sum of the lanes' own least ones, up to which combinations are tried."""


@dataclass(frozen=True, slots=True)
class Size:
    """`kept` False: not even `replicas`, the most that were allowed, keeps the objectives."""

    replicas: Replicas
    kept: bool

    @property
    def total(self) -> int:
        return sum(self.replicas)


def slack_at(
    trials: Trials, workload: Workload, asked: Sequence[Trial], allowed: Sequence[float] | None = None
) -> list[float]:
    """Slack (see `race.slack`) of several trials of one workload."""
    may = workload.allowed if allowed is None else allowed
    return [slack(missed, may) for missed in trials.misses(asked)]


def highest_load(trials: Trials, workload: Workload, design: Design, replicas: Replicas, guess: int = 0) -> int | None:
    """The highest load, a power of LOAD_STEP, that the fleet keeps; None if none."""

    def holds(loads: Sequence[int]) -> list[bool]:
        return [
            found >= 0
            for found in slack_at(trials, workload, [Trial(workload, load, design, replicas) for load in loads])
        ]

    return highest(holds, guess, LOWEST_LOAD, HIGHEST_LOAD)


def fewest(trials: Trials, workload: Workload, design: Design, guess: Replicas, most: int) -> Size:
    """The smallest fleet of at most `most` replicas. `guess`: by lane, where to begin."""
    if len(design.lanes) == 1:
        return _fewest_of_one(trials, workload, design, guess[0], most)
    search = _fewest_apart if trials.separable(workload, design) else _fewest_together
    size = search(trials, workload, design, guess, most)
    if size.kept and size.total <= most:
        return size
    largest = splits(most, guess) or [(1,) * len(guess)]
    return Size(largest[0], False)


def splits(total: int, like: Replicas, around: int = 1) -> list[Replicas]:
    """Ways to share `total` replicas between lanes near the proportions of `like`, each at least 1, nearest first."""
    lanes = len(like)
    if total < lanes:
        return []
    even = [max(1, round(total * part / sum(like))) for part in like[:-1]]
    found = []
    for changes in product(range(-around, around + 1), repeat=lanes - 1):
        head = [base + change for base, change in zip(even, changes, strict=True)]
        if min(head, default=1) >= 1 and sum(head) < total:
            found.append((sum(abs(change) for change in changes), (*head, total - sum(head))))
    if not found:
        return [(*([1] * (lanes - 1)), total - lanes + 1)]
    return [replicas for _, replicas in sorted(found)]


def _fewest_of_one(
    trials: Trials,
    workload: Workload,
    design: Design,
    guess: int,
    most: int,
    allowed: Sequence[float] | None = None,
) -> Size:
    def holds(counts: Sequence[int]) -> list[bool]:
        asked = [Trial(workload, 0, design, (count,)) for count in counts]
        return [found >= 0 for found in slack_at(trials, workload, asked, allowed)]

    found = lowest(holds, guess, 1, most)
    return Size((most,), False) if found is None else Size((found,), True)


def _fewest_apart(trials: Trials, workload: Workload, design: Design, guess: Replicas, most: int) -> Size:
    """No lane does with less than it needs if it may use up all that is allowed; from there, upwards together."""
    least = _by_lane(trials, workload, design, guess, most, workload.allowed)
    if not least.kept:
        return least
    for extra in range(_MOST_EXTRA + 1):
        fleets = [
            tuple(base + more for base, more in zip(least.replicas, added, strict=True))
            for added in _compositions(extra, len(least.replicas))
        ]
        scores = slack_at(trials, workload, [Trial(workload, 0, design, replicas) for replicas in fleets])
        score, replicas = max(zip(scores, fleets, strict=True), key=lambda entry: entry[0])
        if score >= 0:
            return Size(replicas, True)
    return _by_lane(trials, workload, design, fleets[0], most, None)


def _by_lane(
    trials: Trials,
    workload: Workload,
    design: Design,
    guess: Replicas,
    most: int,
    allowed: Sequence[float] | None,
) -> Size:
    """Each lane by itself; without `allowed` each class may miss its share of the lane's requests, no more."""
    sizes = []
    for index, bounds in enumerate(design.bounds()):
        lane = trials.lane(workload, *bounds)
        if lane is None:
            sizes.append(Size((1,), True))
            continue
        may = allowed or allowed_misses(class_sizes(lane.trace, lane.slo), lane.slo)
        sizes.append(_fewest_of_one(trials, lane, design.alone(index), guess[index], most, may))
    return Size(tuple(size.total for size in sizes), all(size.kept for size in sizes))


def _fewest_together(trials: Trials, workload: Workload, design: Design, guess: Replicas, most: int) -> Size:
    best: dict[int, Replicas] = {}

    def holds(totals: Sequence[int]) -> list[bool]:
        asked = [(total, replicas) for total in totals for replicas in splits(total, guess)]
        scores = slack_at(trials, workload, [Trial(workload, 0, design, replicas) for _, replicas in asked])
        for total in totals:
            own = [(score, of[1]) for score, of in zip(scores, asked, strict=True) if of[0] == total and score >= 0]
            if own:
                best[total] = max(own, key=lambda entry: entry[0])[1]
        return [total in best for total in totals]

    total = lowest(holds, sum(guess), len(design.lanes), most)
    return Size(guess, False) if total is None else Size(best[total], True)


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _compositions(total - first, parts - 1):
            yield (first, *rest)
