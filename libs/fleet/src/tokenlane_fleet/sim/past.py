"""What is known of the past when a request comes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.sim.trace import Seconds, Tokens

COLD_RATIO = 4.0
_LOWEST_RATIO = 0.125
_HIGHEST_RATIO = 64.0


@dataclass(frozen=True, slots=True)
class OutputHistory:
    """A running quantile of outputs: of the latest `window`, renewed with every `every` of them, believed once `least`
    are known."""

    quantile: float = 0.9
    window: int = 1_024
    every: int = 32
    least: int = 32

    def __post_init__(self) -> None:
        if not 0 < self.quantile < 1 or not 1 <= self.least <= self.window or self.every < 1:
            raise FleetSettingError(f"no history has a quantile {self.quantile:g} of {self.least} to {self.window}")

    def quantiles(self, arrival_s: Seconds, output_tokens: Tokens, lag_s: float, default: Tokens) -> Tokens:
        """The quantile as each request finds it; `default` where too few are known. Shapes (requests,)."""
        known = known_before(arrival_s, arrival_s, lag_s)
        renewals = known // self.every
        found = default.copy()
        told = renewals * self.every >= self.least
        if told.any():
            at = np.arange(renewals.max() + 1)
            found[told] = np.array([self._after(output_tokens, n * self.every) for n in at.tolist()])[renewals[told]]
        return found

    def _after(self, output_tokens: Tokens, count: int) -> int:
        latest = output_tokens[max(0, count - self.window) : count]
        if len(latest) < self.least:
            return 0
        rank = min(int(self.quantile * len(latest)), len(latest) - 1)
        return int(np.partition(latest, rank)[rank])


def known_before(arrival_s: Seconds, ended_arrival_s: Seconds, lag_s: float) -> NDArray[np.intp]:
    """How many of the requests that came at `ended_arrival_s` (ascending) have been answered when another comes."""
    if not lag_s >= 0:
        raise FleetSettingError(f"answers are known after {lag_s:g} s: not before they were asked for")
    return np.searchsorted(ended_arrival_s, arrival_s - lag_s, side="left")


def learned_ratios(observed: NDArray[np.float64], gamma: float, beta: float) -> NDArray[np.float64]:
    """Bytes a token that the classifier counts with after 0, 1, … observations: shape (observations + 1,).

    An exponential average and its mean deviation: the first observations weigh 1/n, later ones
    1 - `beta`; `gamma` deviations are taken off, so that doubt goes to the longer lane.
    """
    mean, deviation = COLD_RATIO, 0.0
    after = [COLD_RATIO]
    for count, seen in enumerate(np.clip(observed, _LOWEST_RATIO, _HIGHEST_RATIO).tolist(), start=1):
        weight = max(1 / count, 1 - beta)
        mean += weight * (seen - mean)
        deviation += weight * (abs(seen - mean) - deviation)
        after.append(mean - gamma * deviation)
    return np.maximum(after, _LOWEST_RATIO)
