"""Reasons, for people."""

import math

from tokenlane_fleet.boundary.traffic import BoundarySettings, Outlook, Traffic

_NEARLY_ALL = 0.95


def divided(wanted: Outlook, alone: Outlook | None, before: Outlook | None, settings: BoundarySettings) -> str:
    """Why lanes divide there."""
    lanes = ", ".join(
        f"{lane.lane} gets {lane.share:.0%} of the requests and is {lane.utilisation:.0%} busy" for lane in wanted.lanes
    )
    text = f"{lanes}; {_ttft(wanted, settings)}"
    if before is not None and len(before.uppers) == 1:
        return f"two lanes pay again: {text}, {_seconds(before.short_ttft_s)} in one lane"
    if before is not None:
        return f"{text}, {_seconds(before.short_ttft_s)} where it was"
    return f"{text}, {_seconds(alone.short_ttft_s)} in one lane" if alone else text


def stays(before: Outlook, traffic: Traffic) -> str:
    """Why nothing changes."""
    if not traffic.is_uniform:
        return "the present boundary will do"
    most = max(before.lanes, key=lambda lane: lane.share)
    if len(before.lanes) == 1 or most.share < _NEARLY_ALL:
        return "the traffic is uniform, and the present boundary will do"
    return f"the traffic is uniform: lane {most.lane} takes nearly all of it, and the others stand by"


def one_lane(wanted: Outlook, best: Outlook, traffic: Traffic, replicas: int, settings: BoundarySettings) -> str:
    """Why one lane takes everything. `replicas`: of all lanes."""
    text = f"{_ttft(wanted, settings)} in one lane, {_seconds(best.short_ttft_s)} in the best {len(best.uppers)}"
    if traffic.is_uniform:
        return f"the traffic is uniform: {text}"
    if replicas <= len(best.uppers):
        return f"the fleet is too small for {len(best.uppers)} lanes to pay: {text}"
    return f"lanes do not pay: {text}"


def _ttft(outlook: Outlook, settings: BoundarySettings) -> str:
    return f"P{settings.quantile * 100:g} to a short request's first token {_seconds(outlook.short_ttft_s)}"


def _seconds(value: float) -> str:
    if math.isinf(value):
        return "overload"
    return f"{value:.2f} s"
