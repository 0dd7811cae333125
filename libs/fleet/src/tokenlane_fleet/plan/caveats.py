"""What a reader should know before believing a plan."""

import math
from collections.abc import Sequence

import numpy as np

from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.report import Option
from tokenlane_fleet.plan.settings import PlanSettings
from tokenlane_fleet.plan.words import counted
from tokenlane_fleet.plan.workload import Workload, class_sizes

_SHORT_TRACE_S = 600.0
_ENOUGH = 1000
"""Requests of a class, below which its P99 rests on fewer than ten."""


def warnings(
    workload: Workload, hardware: Hardware, options: Sequence[Option], settings: PlanSettings, price: float
) -> tuple[str, ...]:
    """One line each; none where all is well."""
    return (
        *_about_trace(workload),
        *_about_classes(workload),
        *_about_options(options, settings.max_replicas),
        *_about_search(workload, settings),
        *(() if "measured" in hardware.step_time else (f"Step times: {hardware.step_time}, not measured on a GPU.",)),
        *(() if price > 0 else ("No price for this GPU is known: costs are 0.",)),
    )


def _about_trace(workload: Workload) -> list[str]:
    trace = workload.trace
    found = []
    if not trace.duration_s:
        found.append("All requests come at once, so there is no rate to plan for: settings were hardly tuned.")
    elif trace.duration_s < _SHORT_TRACE_S:
        found.append(
            f"The trace lasts {trace.duration_s:.0f} s: longer waves than that are not in it, and a queue that grows "
            "all the time has little time to show."
        )
    if len(workload) < _ENOUGH:
        found.append(f"The trace has {counted(len(workload), 'request')}: its tails rest on very few.")
    if not np.array_equal(workload.budgets, trace.total_tokens):
        off = float((np.abs(workload.budgets - trace.total_tokens) / trace.total_tokens).mean())
        found.append(f"Budgets are not exact: {100 * off:.0f} % off the true lengths on average.")
    return found


def _about_classes(workload: Workload) -> list[str]:
    found = []
    share = 1 - workload.slo.attainment
    for of, size in zip(workload.slo.classes, class_sizes(workload.trace, workload.slo), strict=True):
        if not size:
            found.append(f"No request in the {of.name} class: its objectives bind nothing here.")
        elif size * share < _ENOUGH * 0.01:
            last = max(1, math.floor(size * share))
            found.append(f"Only {counted(size, 'request')} in the {of.name} class: its tail rests on {last:,} of them.")
    return found


def _about_search(workload: Workload, settings: PlanSettings) -> list[str]:
    stretch = settings.effort.stretch
    if len(workload) <= stretch:
        return []
    return [
        f"Settings and boundaries were compared on the busiest {stretch:,} requests, the fleets shown sized on all."
    ]


def _about_options(options: Sequence[Option], most: int) -> list[str]:
    return [
        f"{option.title}: no fleet of up to {counted(most, 'replica')} keeps the objectives."
        for option in options
        if not option.meets_slo
    ]
