"""What runs now and what is recommended, simulated on the same recorded arrivals. Needs numpy and numba."""

from collections.abc import Sequence
from dataclasses import replace

from tokenlane_cli.tune.compare_values import FEWER, NOTICED, Comparison, Outcome, burden, no_worse
from tokenlane_cli.tune.simulator import Setup, Simulator

_MOST_REPLICAS = 256

Candidate = tuple[Setup, Outcome]


def compare(
    simulator: Simulator, requests: int, now: tuple[Setup, tuple[int, ...]], others: Sequence[Setup]
) -> Comparison:
    """The first of `others` is recommended unless another one, or what runs now, serves noticeably better. Raises
    FleetSettingError and LimitsError."""
    setup, replicas = now
    replicas = tuple(min(count, _MOST_REPLICAS) for count in replicas)
    before = simulator.run(setup, replicas)
    total = sum(replicas)
    found = [(other, outcome) for other in others if (outcome := simulator.best_split(other, total)) is not None]
    chosen = _chosen((setup, before), found, simulator.tpot_s)
    fewest = _fewest(simulator, [chosen, (setup, before), *found], before)
    return Comparison(requests, before, tuple(outcome for _, outcome in found), fewest, chosen[1].title)


def _chosen(now: Candidate, found: Sequence[Candidate], tpot_s: float) -> Candidate:
    best = now
    for candidate in reversed(found):
        margin = NOTICED if best is now else -NOTICED
        if burden(candidate[1], tpot_s) < burden(best[1], tpot_s) - margin:
            best = candidate
    return best


def _fewest(simulator: Simulator, candidates: Sequence[Candidate], before: Outcome) -> Outcome | None:
    """The smallest fleet that serves as well as now; of like ones that of the first candidate."""
    fewest: Outcome | None = None
    for setup, same in candidates:
        if no_worse(same, before, simulator.tpot_s):
            most = sum(before.replicas if fewest is None else fewest.replicas) - 1
            fewest = _fewer(simulator, setup, most, before) or fewest
    return None if fewest is None else replace(fewest, title=f"{fewest.title}{FEWER}")


def _fewer(simulator: Simulator, setup: Setup, most: int, before: Outcome) -> Outcome | None:
    low, high, found = len(setup.lanes), most + 1, None
    while low < high:
        middle = (low + high) // 2
        outcome = simulator.best_split(setup, middle)
        if outcome is not None and no_worse(outcome, before, simulator.tpot_s):
            high, found = middle, outcome
        else:
            low = middle + 1
    return found
