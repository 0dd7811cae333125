"""Where the lanes divide from now on. Pure; time is an argument, in seconds of any one clock."""

import math
from collections.abc import Sequence
from dataclasses import replace

from tokenlane_fleet.boundary.buckets import distance
from tokenlane_fleet.boundary.choice import Choice, choose
from tokenlane_fleet.boundary.search import limit_of, loss
from tokenlane_fleet.boundary.traffic import (
    BoundaryDecision,
    BoundarySettings,
    Current,
    LaneCapacity,
    Outlook,
    Traffic,
    Uppers,
)
from tokenlane_fleet.boundary.words import stays


def decide(
    traffic: Traffic, lanes: Sequence[LaneCapacity], settings: BoundarySettings, current: Current, now_s: float
) -> BoundaryDecision:
    """The present division unless another is better by more than the hysteresis, has been for `confirm_s`, and the last
    change is `interval_s` ago. `lanes`: all that the model has; of those whose engines hold the same, the one for
    shorter requests first."""
    if len(lanes) < 2:
        return _kept(current, "the model has one lane")
    if traffic.weight < settings.least_observations:
        return _kept(current, f"fewer than {settings.least_observations:g} requests known")
    choice = choose(offered(traffic, current.uppers, lanes), lanes, settings, current.uppers)
    if not current.uppers or not {lane.lane for lane in current.uppers} <= {lane.name for lane in lanes}:
        return _changed(choice, choice.wanted, None, now_s)
    before = choice.outlooks.of(current.uppers)
    current, wanted = _unless_too_soon(current, choice, settings, now_s)
    if _will_do(before, wanted, (*choice.curve, before), settings):
        return _kept(current, stays(before, choice.traffic), before)
    reason = _pending(current, before, wanted, settings, now_s)
    if reason is not None:
        since = now_s if current.wrong_since_s is None else current.wrong_since_s
        return BoundaryDecision(current.uppers, reason, False, replace(current, wrong_since_s=since), outlook=before)
    return _changed(choice, wanted, before, now_s)


def offered(traffic: Traffic, uppers: Uppers, lanes: Sequence[LaneCapacity]) -> Traffic:
    """What comes, from what was finished: a lane that falls behind finishes less than comes to it."""
    pressures = {lane.name: lane.pressure for lane in lanes}
    if not uppers or all(pressure == 1 for pressure in pressures.values()):
        return traffic
    slices = []
    for part in traffic.slices:
        mine = next((lane.lane for lane in uppers if lane.upper is None or part.upper <= lane.upper), uppers[-1].lane)
        slices.append(part.times(pressures.get(mine, 1.0)))
    more = sum(part.weight for part in slices) / (traffic.weight or 1.0)
    return Traffic(traffic.rate * more, tuple(slices))


def _unless_too_soon(
    current: Current, choice: Choice, settings: BoundarySettings, now_s: float
) -> tuple[Current, Outlook]:
    """Several lanes until one has been enough for long."""
    if not choice.closes or len(current.uppers) == 1:
        return replace(current, alone_since_s=None), choice.wanted
    since = now_s if current.alone_since_s is None else current.alone_since_s
    enough = now_s - since >= settings.confirm_one_s
    return replace(current, alone_since_s=since), choice.wanted if enough else choice.best


def _will_do(before: Outlook, wanted: Outlook, found: Sequence[Outlook], settings: BoundarySettings) -> bool:
    if before.uppers == wanted.uppers:
        return True
    if len(before.uppers) != len(wanted.uppers):
        return False
    slack = (1 - settings.full) / 2
    if before.utilisation > limit_of(found, settings).utilisation + slack:
        return False
    further = _off(wanted, settings) > _off(before, settings)
    return loss(before) <= (settings.bet if further else settings.hysteresis) * loss(wanted)


def _off(outlook: Outlook, settings: BoundarySettings) -> float:
    return distance(outlook.boundary or settings.short_tokens, settings.short_tokens)


def _pending(
    current: Current, before: Outlook, wanted: Outlook, settings: BoundarySettings, now_s: float
) -> str | None:
    """Why nothing changes yet."""
    overloaded = before.utilisation >= 1 > wanted.utilisation
    confirm_s = settings.confirm_full_s if overloaded else settings.confirm_s
    since = now_s if current.wrong_since_s is None else current.wrong_since_s
    if now_s - since < confirm_s and len(wanted.uppers) > 1:
        return "another boundary looks better, not for long enough yet"
    if current.decided_s is not None and now_s - current.decided_s < settings.interval_s:
        return f"the last change was less than {settings.interval_s:g} s ago"
    return None


def _kept(current: Current, reason: str, outlook: Outlook | None = None) -> BoundaryDecision:
    return BoundaryDecision(current.uppers, reason, False, replace(current, wrong_since_s=None), outlook=outlook)


def _changed(choice: Choice, wanted: Outlook, before: Outlook | None, now_s: float) -> BoundaryDecision:
    known = before is not None and math.isfinite(loss(wanted))
    gain = loss(before) / loss(wanted) if before is not None and known else 1.0
    reason = choice.reason(wanted, before)
    return BoundaryDecision(wanted.uppers, reason, True, Current(wanted.uppers, now_s), gain, wanted)
