"""Which divisions there are, and the best of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenlane_fleet.boundary.buckets import bucket, distance, upper
from tokenlane_fleet.boundary.outlook import Outlooks, single
from tokenlane_fleet.boundary.traffic import BoundarySettings, LaneCapacity, LaneUpper, Outlook, Uppers

# What no boundary changes: steps, the way to the engine. Below it differences do not matter.
_FLOOR_S = 0.1
# With no division under `full`, those are as good whose fullest lane is so near the least full one.
_NEAR = 1.02
_SWEEPS = 4


def ladder(settings: BoundarySettings) -> list[int]:
    """The boundaries that are looked at, ascending: eight an octave."""
    numbers = range(bucket(settings.least_tokens), bucket(settings.most_tokens) + 1)
    return [upper(number) for number in numbers if settings.least_tokens <= upper(number) <= settings.most_tokens]


def loss(outlook: Outlook) -> float:
    """What a division is judged by, in seconds."""
    return outlook.short_ttft_s + _FLOOR_S


@dataclass(frozen=True, slots=True)
class Limit:
    """The utilisation up to which a division will do: `full`, unless all are fuller; inf where the fleet cannot do the
    work however it is divided: then short requests come first."""

    utilisation: float

    def allows(self, outlook: Outlook) -> bool:
        return outlook.utilisation <= self.utilisation


def limit_of(found: Sequence[Outlook], settings: BoundarySettings) -> Limit:
    """Of what can be done at all."""
    least = min((outlook.utilisation for outlook in found), default=0.0)
    if least <= settings.full:
        return Limit(settings.full)
    return Limit(least * _NEAR if least < 1 else math.inf)


def best_of(found: Sequence[Outlook], settings: BoundarySettings) -> Outlook:
    """The division that serves short requests soonest without overloading a lane; of those within `tolerance` the one
    whose boundary is nearest to the longest short request: whatever comes next, it keeps the long ones apart."""
    limit = limit_of(found, settings)
    allowed = [outlook for outlook in found if limit.allows(outlook)]
    least = min(loss(outlook) for outlook in allowed)
    if math.isinf(least):
        return min(allowed, key=lambda outlook: outlook.utilisation)
    as_good = [outlook for outlook in allowed if loss(outlook) <= settings.tolerance * least]
    return min(as_good, key=lambda outlook: distance(outlook.boundary or 1, settings.short_tokens))


def divisions(
    outlooks: Outlooks, order: Sequence[LaneCapacity], start: Sequence[int], place: int, settings: BoundarySettings
) -> Iterator[Outlook]:
    """All that differ from `start` in the boundary number `place`."""
    above = start[place - 1] if place else 0
    below = start[place + 1] if place + 1 < len(start) else math.inf
    for boundary in ladder(settings):
        if above < boundary < below and boundary <= order[place].max_model_len:
            bounds = [*start[:place], boundary, *start[place + 1 :]]
            yield outlooks.of(uppers_of(order, bounds))


def search(
    outlooks: Outlooks, order: Sequence[LaneCapacity], start: Sequence[int], settings: BoundarySettings
) -> tuple[Outlook, tuple[Outlook, ...]]:
    """The best division from `start` on, boundary by boundary, and what was found of the first boundary last."""
    bounds = list(start)
    curve: tuple[Outlook, ...] = ()
    best = outlooks.of(uppers_of(order, bounds))
    for _ in range(_SWEEPS if len(bounds) > 1 else 1):
        before = list(bounds)
        for place in range(len(bounds)):
            found = tuple(divisions(outlooks, order, bounds, place, settings))
            if not found:
                continue
            best = best_of(found, settings)
            bounds[place] = best.uppers[place].upper or bounds[place]
            curve = found if place == 0 else curve
        if bounds == before:
            break
    return best, curve


def uppers_of(order: Sequence[LaneCapacity], bounds: Sequence[int]) -> Uppers:
    """Lanes in order with their boundaries; the last has none."""
    return tuple(LaneUpper(lane.name, bound) for lane, bound in zip(order, [*bounds, None], strict=True))


def collapsed(outlooks: Outlooks, order: Sequence[LaneCapacity], settings: BoundarySettings) -> Outlook | None:
    """Everything in one lane: the best of those whose engines hold whatever any lane holds. None where that may not be,
    or where other lanes' workers would stand by for nothing."""
    if not settings.may_collapse or len(order) < 2:
        return None
    if not (settings.scales_to_zero or all(lane.elastic for lane in order)):
        return None
    longest = max(lane.max_model_len for lane in order)
    found = [outlooks.of(single(lane.name)) for lane in order if lane.max_model_len == longest]
    return min(found, key=lambda outlook: (loss(outlook), outlook.utilisation))
