"""Tuning and sizing together: settings are tuned for the replicas that are needed, which depend on the settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tokenlane_fleet.plan.design import Candidate, Design
from tokenlane_fleet.plan.moves import moves
from tokenlane_fleet.plan.race import Ranked, improved, race, slacks_of
from tokenlane_fleet.plan.settings import Effort
from tokenlane_fleet.plan.sizing import Replicas, Size, fewest, highest_load, splits
from tokenlane_fleet.plan.trials import Trials
from tokenlane_fleet.plan.workload import LOAD_STEP, Workload

_SMALL_FLEET = 16
"""Up to here one replica less is more than two steps of load away, and is worth a search of its own."""
_WITHIN_REACH = -12
"""The load (about 0.7 of what is needed) below which tuning will not bring what is missing."""


@dataclass(frozen=True, slots=True)
class Search:
    """What all searches of a plan share."""

    trials: Trials
    effort: Effort
    most: int


@dataclass(frozen=True, slots=True)
class Solved:
    """A design and the fewest replicas for the workload. `load`: the highest one, a power of LOAD_STEP, that this fleet
    keeps; None if none. `rate`: what that is in requests a second a replica; `needed`: replicas at that rate, before
    they are rounded up."""

    design: Design
    size: Size
    load: int | None
    rate: float
    needed: float


def tuned(
    search: Search, workload: Workload, starts: Sequence[Candidate], *, sweeps: int | None = None, start_load: int = 0
) -> Ranked | None:
    """The best of `starts`, improved setting by setting; None if none of them keeps the objectives at any load."""
    slacks = slacks_of(search.trials, workload)
    leader = race(slacks, starts, start_load)
    return None if leader is None else swept(search, workload, leader, sweeps)


def solved(
    search: Search, workload: Workload, designs: Sequence[Design], guess: Replicas, *, sweeps: int | None = None
) -> Solved:
    """Tuned for the fewest replicas, from the best of `designs`. These have the same lanes; `guess` is by lane."""
    sample = search.trials.busiest(workload, search.effort.requests)
    found = _tuned_at_its_size(search, sample, designs, guess, sweeps)
    if found is None:
        return _measured(
            search, workload, designs[0], fewest(search.trials, workload, designs[0], guess, search.most), 0
        )
    ranked = [found]
    fewer = _with_one_less(search, sample, found, sweeps)
    while fewer is not None:
        ranked.append(fewer)
        fewer = _with_one_less(search, sample, fewer, sweeps)
    return _cheapest(search, workload, ranked)


def _tuned_at_its_size(
    search: Search, sample: Workload, designs: Sequence[Design], guess: Replicas, sweeps: int | None
) -> Ranked | None:
    """Sized with the first design, tuned there, sized again, and tuned again if that is another size.

    Where all requests come at once there is no load to raise: the design that needs fewest replicas."""
    if not sample.trace.duration_s:
        sizes = [(fewest(search.trials, sample, design, guess, search.most), design) for design in designs]
        size, design = min(sizes, key=lambda of: (not of[0].kept, of[0].total))
        return Ranked(Candidate(design, size.replicas), 0)
    at = fewest(search.trials, sample, designs[0], guess, search.most).replicas
    found = tuned(search, sample, [Candidate(design, at) for design in designs], sweeps=sweeps)
    if found is None:
        return None
    of = found.candidate
    fits = fewest(search.trials, sample, of.design, _scaled(at, LOAD_STEP**-found.load), search.most).replicas
    if fits == of.replicas:
        return found
    return _tuned_from(search, sample, Candidate(of.design, fits), sweeps)


def _tuned_from(search: Search, sample: Workload, candidate: Candidate, sweeps: int | None) -> Ranked | None:
    load = highest_load(search.trials, sample, candidate.design, candidate.replicas)
    return None if load is None else swept(search, sample, Ranked(candidate, load), sweeps)


def _with_one_less(search: Search, sample: Workload, found: Ranked, sweeps: int | None) -> Ranked | None:
    """The same kept by a replica less, if tuning for that brings it about."""
    total = sum(found.candidate.replicas)
    lanes = len(found.candidate.replicas)
    if not lanes < total <= _SMALL_FLEET or not sample.trace.duration_s:
        return None
    starts = [Candidate(found.candidate.design, replicas) for replicas in splits(total - 1, found.candidate.replicas)]
    reached = race(slacks_of(search.trials, sample), starts, found.load + round(math.log(1 - 1 / total, LOAD_STEP)))
    if reached is None or reached.load < _WITHIN_REACH:
        return None
    reached = swept(search, sample, reached, sweeps)
    return reached if reached.load >= 0 else None


def swept(search: Search, sample: Workload, leader: Ranked, sweeps: int | None) -> Ranked:
    slacks = slacks_of(search.trials, sample)
    for _ in range(search.effort.sweeps if sweeps is None else sweeps):
        before, leader = leader, improved(slacks, leader, moves(leader.candidate.design, search.trials.hardware))
        if leader == before:
            break
    return leader


def _cheapest(search: Search, workload: Workload, ranked: Sequence[Ranked]) -> Solved:
    """Of designs tuned for different sizes, on the whole workload."""
    found = []
    for entry in dict.fromkeys(ranked):
        of = entry.candidate
        size = fewest(search.trials, workload, of.design, of.replicas, search.most)
        found.append(_measured(search, workload, of.design, size, entry.load))
    return min(found, key=lambda of: (not of.size.kept, of.size.total, of.needed))


def _measured(search: Search, workload: Workload, design: Design, size: Size, guess: int) -> Solved:
    """With the highest load that the fleet keeps."""
    if not workload.trace.duration_s:
        return Solved(design, size, 0 if size.kept else None, 0.0, float(size.total))
    load = highest_load(search.trials, workload, design, size.replicas, guess)
    if load is None:
        return Solved(design, size, None, 0.0, math.inf)
    factor = LOAD_STEP**load
    return Solved(design, size, load, workload.trace.rate * factor / size.total, size.total / factor)


def _scaled(replicas: Replicas, factor: float) -> Replicas:
    return tuple(max(1, math.ceil(count * factor)) for count in replicas)
