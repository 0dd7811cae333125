"""How good estimates were."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.estimators.contenders import QUANTILE
from bench.estimators.requests import Asked

BOUNDARIES = (1_024, 2_048, 4_096, 8_192)
WINDOW = 1_000
_UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class Score:
    """Of one estimator on one trace. `pinball`: mean loss of the budget at its quantile, tokens. `coverage`: share of
    outputs within their budget, of requests whose `max_tokens` is not the budget; `worst`: its extremes over windows of
    `WINDOW` of them, None for shorter traces. `reserved`: tokens of all budgets by tokens of all outputs. `agreement`:
    by boundary, share of requests whose lane, by prompt and typical output, is the one that prompt and output fit."""

    pinball: float
    coverage: float
    worst: tuple[float, float] | None
    reserved: float
    agreement: dict[int, float]


def scored(requests: Sequence[Asked], given: Sequence[tuple[int, int]]) -> Score:
    """Requests with what was estimated for each."""
    prompts = np.array([each.prompt_tokens for each in requests])
    outputs = np.array([each.output_tokens for each in requests])
    budgets, typical = np.array(given).T
    missing = outputs - budgets
    loss = np.where(missing > 0, QUANTILE * missing, (QUANTILE - 1) * missing)
    limits = np.array([each.route.max_output_tokens or _UNLIMITED for each in requests])
    covered = (missing <= 0)[budgets < limits]
    return Score(
        float(loss.mean()),
        float(covered.mean()),
        _worst(covered.astype(np.float64)),
        float(budgets.sum() / outputs.sum()),
        {edge: float(((prompts + typical <= edge) == (prompts + outputs <= edge)).mean()) for edge in BOUNDARIES},
    )


def _worst(covered: NDArray[np.float64]) -> tuple[float, float] | None:
    if len(covered) < 2 * WINDOW:
        return None
    sums = np.cumsum(np.concatenate(([0.0], covered)))
    windows = (sums[WINDOW:] - sums[:-WINDOW]) / WINDOW
    return float(windows.min()), float(windows.max())
