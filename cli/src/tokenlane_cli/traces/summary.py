"""What a whole trace is like, counted in one pass in bounded memory. Needs numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenlane_cli.traces.busiest import Columns
from tokenlane_fleet.sim.trace import Tokens, Trace

# Lengths up to this are counted exactly; above, each octave has so many bins.
_EXACT = 1_024
_BINS = 64
_OCTAVES = 32


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Tokens. Of a long trace: exact up to 1,024, above within 0.8 %."""

    p50: int
    p90: int
    p99: int
    longest: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the whole file, or as much of it as was read. `rate`: requests a second, 0 where all come at once."""

    requests: int
    duration_s: float
    rate: float
    prompt: Quantiles
    output: Quantiles
    total: Quantiles


def exact(trace: Trace) -> Facts:
    """Of a trace that is here as a whole."""
    columns = (trace.prompt_tokens, trace.output_tokens, trace.total_tokens)
    return Facts(len(trace), trace.duration_s, trace.rate, *map(_exact_quantiles, columns))


def _exact_quantiles(tokens: Tokens) -> Quantiles:
    return Quantiles(*np.percentile(tokens, [50, 90, 99, 100], method="inverted_cdf").tolist())


class Summary:
    """Counts requests as they pass, in the order of time."""

    def __init__(self) -> None:
        self._counts = np.zeros((3, _EXACT + _BINS * _OCTAVES), dtype=np.int64)
        self._longest = np.zeros(3, dtype=np.int64)
        self._first_s = self._last_s = 0.0
        self._requests = 0

    def add(self, columns: Columns) -> None:
        """The next requests: shape (3, requests)."""
        if not self._requests:
            self._first_s = float(columns[0, 0])
        self._last_s = float(columns[0, -1])
        self._requests += columns.shape[1]
        for index, lengths in enumerate((columns[1], columns[2], columns[1] + columns[2])):
            self._counts[index] += np.bincount(_bin(lengths), minlength=self._counts.shape[1])
            self._longest[index] = max(self._longest[index], int(lengths.max()))

    def facts(self) -> Facts:
        """What was counted: at least one request."""
        duration = self._last_s - self._first_s
        rate = (self._requests - 1) / duration if duration else 0.0
        return Facts(self._requests, duration, rate, *(self._quantiles(index) for index in range(3)))

    def _quantiles(self, index: int) -> Quantiles:
        reached = np.cumsum(self._counts[index])
        longest = int(self._longest[index])
        at = np.searchsorted(reached, np.array([0.5, 0.9, 0.99]) * self._requests, side="left")
        p50, p90, p99 = (min(_middle(int(bin_)), longest) for bin_ in at)
        return Quantiles(p50, p90, p99, longest)


def _bin(lengths: NDArray[np.float64]) -> NDArray[np.int64]:
    mantissa, exponent = np.frexp(lengths)
    octave = np.maximum(exponent - 11, 0)
    above = _EXACT + octave * _BINS + ((mantissa - 0.5) * 2 * _BINS)
    return np.where(lengths < _EXACT, lengths, above).astype(np.int64)


def _middle(bin_: int) -> int:
    if bin_ < _EXACT:
        return bin_
    octave, part = divmod(bin_ - _EXACT, _BINS)
    return int(np.ldexp(_EXACT * (1 + (part + 0.5) / _BINS), octave))
