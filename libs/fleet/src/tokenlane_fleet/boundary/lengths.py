"""The joint distribution of prompt and output lengths, where yesterday fades.

Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay", ICDE 2009, section III): an observation weighs more
the later it comes, so that nothing that is stored has to change as time goes by.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tokenlane_fleet.boundary.buckets import bucket, upper
from tokenlane_fleet.boundary.traffic import Slice, Traffic

_LARGEST_EXPONENT = 40.0
_FORGOTTEN = 1e-6


class Cell(NamedTuple):
    """Requests of like length: `counted` tokens at most (what a boundary is compared with) and `prompt` tokens at most
    of them, their `weight`, and weighted sums of prompt, output and squared prompt tokens."""

    counted: int
    prompt: int
    weight: float
    prompt_tokens: float
    output_tokens: float
    prompt_squares: float


class Lengths:
    """A histogram of (counted, prompt) in buckets of an eighth of an octave, with exact sums in each.

    Mutable; no clock. Memory is bounded by the buckets: a few hundred cells in practice, some 20,000 at the very most,
    and what has faded is dropped. Times are seconds of any one clock; they may come out of order.
    """

    def __init__(self, half_life_s: float = math.inf) -> None:
        """`half_life_s`: an observation this old counts half; inf: all count alike. Raises ValueError unless
        positive."""
        if not half_life_s > 0:
            raise ValueError(f"a half-life must be positive, got {half_life_s}")
        self.half_life_s = half_life_s
        self._cells: defaultdict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
        self._landmark_s = 0.0
        self._first_s = math.inf
        self._last_s = -math.inf

    def observe(
        self, prompt_tokens: int, output_tokens: int, now_s: float, counted: int | None = None, weight: float = 1.0
    ) -> None:
        """A request of these lengths. `counted`: the tokens that the lane choice goes by, if not their sum."""
        if not self._cells:
            self._landmark_s = now_s
        self._first_s, self._last_s = min(self._first_s, now_s), max(self._last_s, now_s)
        exponent = (now_s - self._landmark_s) / self.half_life_s
        if exponent > _LARGEST_EXPONENT:
            self._move_landmark(now_s)
            exponent = 0.0
        weight *= math.exp2(max(exponent, -1000.0))
        total = prompt_tokens + output_tokens if counted is None else counted
        cell = self._cells[bucket(total), bucket(prompt_tokens)]
        cell[0] += weight
        cell[1] += weight * prompt_tokens
        cell[2] += weight * output_tokens
        cell[3] += weight * prompt_tokens * prompt_tokens

    def merge(self, other: "Lengths") -> None:
        """Add what another one has observed. Raises ValueError where it fades differently."""
        if other.half_life_s != self.half_life_s:
            raise ValueError("histograms of different half-lives cannot be merged")
        if not other._cells:
            return
        if not self._cells:
            self._landmark_s = other._landmark_s
        if other._landmark_s > self._landmark_s:
            self._move_landmark(other._landmark_s)
        factor = math.exp2((other._landmark_s - self._landmark_s) / self.half_life_s)
        for key, values in other._cells.items():
            cell = self._cells[key]
            for place, value in enumerate(values):
                cell[place] += value * factor
        self._first_s, self._last_s = min(self._first_s, other._first_s), max(self._last_s, other._last_s)

    def weight(self, now_s: float | None = None) -> float:
        """Observations, each as much as it still counts at `now_s` (None: at the last one)."""
        return sum(values[0] for values in self._cells.values()) * self._faded(now_s)

    def cells(self, now_s: float | None = None) -> Iterator[Cell]:
        """What there is, in no order."""
        factor = self._faded(now_s)
        for (counted, prompt), values in self._cells.items():
            yield Cell(upper(counted), upper(prompt), *(value * factor for value in values))

    def rate(self, now_s: float | None = None) -> float:
        """Requests a second; 0 before there are two moments."""
        at = self._last_s if now_s is None else max(now_s, self._last_s)
        age = at - self._first_s
        if not age > 0:
            return 0.0
        if math.isinf(self.half_life_s):
            return self.weight() / age
        lives = age / self.half_life_s
        return self.weight(at) * math.log(2) / (self.half_life_s * -math.expm1(-lives * math.log(2)))

    def traffic(self, now_s: float | None = None, rate: float | None = None) -> Traffic:
        """The traffic as boundaries see it. `rate`: requests a second, if not as observed."""
        sums: defaultdict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
        for cell in self.cells(now_s):
            for place, value in enumerate(cell[2:]):
                sums[cell.counted][place] += value
        slices = tuple(Slice(counted, *sums[counted]) for counted in sorted(sums))
        return Traffic(self.rate(now_s) if rate is None else rate, slices)

    def _faded(self, now_s: float | None) -> float:
        if not self._cells:
            return 0.0
        at = self._last_s if now_s is None else max(now_s, self._last_s)
        return math.exp2((self._landmark_s - at) / self.half_life_s)

    def _move_landmark(self, to_s: float) -> None:
        factor = math.exp2(max((self._landmark_s - to_s) / self.half_life_s, -1000.0))
        for key in list(self._cells):
            values = [value * factor for value in self._cells[key]]
            if values[0] < _FORGOTTEN:
                del self._cells[key]
            else:
                self._cells[key] = values
        self._landmark_s = to_s
