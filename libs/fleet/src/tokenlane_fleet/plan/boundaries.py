"""Where a trace can be split, and what the closed form says of a split."""

from collections.abc import Collection

import numpy as np

from tokenlane_fleet.plan.workload import Workload

LADDER = tuple(base << power for power in range(16) for base in (128, 192))
"""128, 192, 256, 384, 512, 768, 1K, 1.5K, …"""
_LEAST_SHARE = 0.02
"""Of the requests below a boundary, and of the tokens above it: with less there is nothing to split off."""


def candidates(workload: Workload, count: int) -> tuple[int, ...]:
    """At most `count` boundaries (512, 768, 1K, 1.5K, …) that split the budgets, ascending.

    Those of the objectives' classes come first, then what splits the requests in the most different proportions.
    """
    classes = [of.up_to_tokens for of in workload.slo.classes if of.up_to_tokens is not None]
    fit = _fitting(workload, {*LADDER, *classes})
    if len(fit) <= count:
        return fit
    kept = [boundary for boundary in fit if boundary in classes][:count]
    for share in np.linspace(0.1, 0.97, count):
        others = [boundary for boundary in fit if boundary not in kept]
        if others and len(kept) < count:
            kept.append(min(others, key=lambda boundary: abs(share_below(workload, boundary) - float(share))))
    return tuple(sorted(kept))


def neighbours(workload: Workload, boundary: int) -> tuple[int, ...]:
    """The rungs next to a boundary, if they split the budgets too."""
    below = [rung for rung in LADDER if rung < boundary][-1:]
    above = [rung for rung in LADDER if rung > boundary][:1]
    return _fitting(workload, {*below, *above})


def share_below(workload: Workload, boundary: int) -> float:
    """The closed form's alpha: the share of the requests that a short lane takes."""
    return float((workload.budgets <= boundary).mean())


def closed_form(alpha: float, rho: float) -> float:
    """Savings of two pools over one by arXiv 2604.08075: alpha * (1 - 1 / rho); 0 without a rate."""
    return alpha * (1 - 1 / rho) if rho > 0 else 0.0


def _fitting(workload: Workload, boundaries: Collection[int]) -> tuple[int, ...]:
    """Those that leave something on both sides, ascending."""
    budgets = np.sort(workload.budgets)
    tokens = np.cumsum(budgets)

    def splits(boundary: int) -> bool:
        below = int(np.searchsorted(budgets, boundary, side="right"))
        if not 0 < below < len(budgets):
            return False
        return below >= _LEAST_SHARE * len(budgets) and tokens[-1] - tokens[below - 1] >= _LEAST_SHARE * tokens[-1]

    return tuple(boundary for boundary in sorted(boundaries) if splits(boundary))
