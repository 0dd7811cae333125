"""The StepCost nearest to measured steps.

With the corner of the roofline given, as the number of tokens `k` from which arithmetic binds, the cost is linear:
`max(weights_s, per_token_s * tokens) = per_token_s * max(k, tokens)`. So for each `k` the terms are a nonnegative
least-squares problem, and `k` alone is searched. What is minimised are relative errors, with Huber's weights: a step
that the machine disturbed counts, but does not steer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize_scalar, nnls

from tokenlane_fleet.calibrate.samples import Array, StepSample, Table, tabulate
from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.errors import CalibrationError

_LEAST_SAMPLES = 6
_CORNERS = 64
_NEAR = 2
_ROUNDS = 12
# Huber's constant: 95 % efficient where the errors are normal.
_HUBER = 1.345
_MAD_TO_SIGMA = 1.4826
# No step is timed better than that; without a floor, samples that fit exactly would outvote all others.
_SMALLEST_SPREAD = 0.01
# A corner is believed where it lowers the squared error by so much against a straight line.
_CORNER_GAIN = 0.98


@dataclass(frozen=True, slots=True)
class Residuals:
    """Relative errors of the fitted seconds over the samples, and the share of the measured variance explained."""

    samples: int
    median: float
    p95: float
    r_squared: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """`request_s` is what a request takes outside the engine's steps; 0 if no sample had any."""

    cost: StepCost
    request_s: float
    residuals: Residuals

    def seconds(self, sample: StepSample) -> float:
        """What the fit says for `sample`."""
        return sum(map(self.cost.seconds, sample.batches)) + self.request_s * sample.requests


@dataclass(frozen=True, slots=True, eq=False)
class _Linear:
    """Terms in the order of `_columns`, for one corner; `loss` is the weighted squared relative error."""

    corner: float
    terms: Array
    loss: float


def fit(samples: Sequence[StepSample]) -> Fitted:
    """All terms are nonnegative. A term that the samples do not vary is not known: predict within their range.

    Raises CalibrationError where there are fewer than six samples, or one has no duration or no work.
    """
    _check(samples)
    table = tabulate(samples)
    weights = np.ones(len(samples))
    for _ in range(_ROUNDS):
        best = _best(table, weights)
        errors = _columns(table, best.corner) @ best.terms / table.seconds - 1
        renewed = _huber(errors)
        if np.allclose(renewed, weights, atol=1e-3):
            break
        weights = renewed
    cost, request_s = _as_cost(best)
    return Fitted(cost, request_s, _residuals(table, _columns(table, best.corner) @ best.terms))


def _check(samples: Sequence[StepSample]) -> None:
    if len(samples) < _LEAST_SAMPLES:
        raise CalibrationError(f"a fit needs at least {_LEAST_SAMPLES} samples, there are {len(samples)}")
    for number, sample in enumerate(samples):
        if not (np.isfinite(sample.seconds) and sample.seconds > 0):
            raise CalibrationError(f"sample {number}: a duration of {sample.seconds} s")
        if not any(batch.num_seqs for batch in sample.batches):
            raise CalibrationError(f"sample {number}: nothing was computed")


def _best(table: Table, weights: Array) -> _Linear:
    """The corner is searched among the batch sizes seen, then between those near the best."""
    straight = _solve(table, weights, 0.0)
    corners = _corners(table.tokens)
    found = [straight, *(_solve(table, weights, float(corner)) for corner in corners)]
    at = int(np.argmin([linear.loss for linear in found]))
    near = np.concatenate(([0.0], corners))[max(0, at - _NEAR) : at + _NEAR + 1]
    for bounds in pairwise(near.tolist()):
        refined = minimize_scalar(lambda corner: _solve(table, weights, corner).loss, bounds=bounds, method="bounded")
        found.append(_solve(table, weights, float(refined.x)))
    best = min(found, key=lambda linear: linear.loss)
    return best if best.loss < _CORNER_GAIN * straight.loss else straight


def _corners(tokens: Array) -> Array:
    """Batch sizes seen, thinned out; the largest would leave nothing to tell arithmetic by."""
    sizes = np.unique(tokens)[:-1]
    if len(sizes) <= _CORNERS:
        return sizes
    return np.unique(np.quantile(sizes, np.linspace(0, 1, _CORNERS)))


def _columns(table: Table, corner: float) -> Array:
    bound = np.bincount(table.owner, weights=np.maximum(table.tokens, corner), minlength=len(table.seconds))
    return np.column_stack(
        (table.steps, bound, table.num_seqs, table.context_tokens, table.attention_pairs, table.requests)
    )


def _solve(table: Table, weights: Array, corner: float) -> _Linear:
    scaled = _columns(table, corner) * (np.sqrt(weights) / table.seconds)[:, None]
    norms = np.linalg.norm(scaled, axis=0)
    norms[norms == 0] = 1.0
    terms, residual = nnls(scaled / norms, np.sqrt(weights))
    return _Linear(corner, terms / norms, float(residual) ** 2)


def _huber(errors: Array) -> Array:
    spread = max(_MAD_TO_SIGMA * float(np.median(np.abs(errors))), _SMALLEST_SPREAD)
    return _HUBER * spread / np.maximum(np.abs(errors), _HUBER * spread)


def _as_cost(best: _Linear) -> tuple[StepCost, float]:
    overhead, token, sequence, context, pair, request = (float(term) for term in best.terms)
    cost = StepCost(
        overhead_s=overhead,
        weights_s=token * best.corner,
        per_token_s=token,
        per_sequence_s=sequence,
        per_context_token_s=context,
        per_attention_pair_s=pair,
    )
    return cost, request


def _residuals(table: Table, fitted: Array) -> Residuals:
    errors = np.abs(fitted / table.seconds - 1)
    variation = float(np.sum((table.seconds - table.seconds.mean()) ** 2))
    unexplained = float(np.sum((table.seconds - fitted) ** 2))
    return Residuals(
        samples=len(errors),
        median=float(np.median(errors)),
        p95=float(np.quantile(errors, 0.95)),
        r_squared=1 - unexplained / variation if variation else 0.0,
    )
