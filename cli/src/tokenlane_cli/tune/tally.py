"""How often which whole number came, in bounded memory. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

_BITS = 7
_EXACT = 1 << _BITS
_HALF = _EXACT >> 1


@dataclass(slots=True)
class Tally:
    """Counts of whole numbers from 0 on. Below 128 each number has a bin, above there are 64 bins an octave (the
    integer form of an HDR histogram): a quantile is within 0.8 % of a number that was there. `count`, `total` and
    `largest` are exact."""

    count: int = 0
    total: int = 0
    largest: int = 0
    bins: dict[int, int] = field(default_factory=dict)

    def add(self, number: int) -> None:
        """Count one more."""
        shift = number.bit_length() - _BITS
        bin_ = number if shift <= 0 else shift * _HALF + (number >> shift)
        self.bins[bin_] = self.bins.get(bin_, 0) + 1
        self.count += 1
        self.total += number
        if number > self.largest:
            self.largest = number

    def merge(self, other: "Tally") -> None:
        """Count all that `other` has counted."""
        for bin_, count in other.bins.items():
            self.bins[bin_] = self.bins.get(bin_, 0) + count
        self.count += other.count
        self.total += other.total
        self.largest = max(self.largest, other.largest)

    @property
    def mean(self) -> float:
        """0 where nothing was counted."""
        return self.total / self.count if self.count else 0.0

    def quantiles(self, fractions: Iterable[float]) -> list[int]:
        """The numbers at the fractions (0..1, ascending), by nearest rank; 0 where nothing was counted."""
        found, reached = [], 0
        bins = iter(sorted(self.bins.items()))
        bin_ = 0
        for fraction in fractions:
            while reached < fraction * self.count:
                bin_, count = next(bins)
                reached += count
            found.append(min(_middle(bin_), self.largest))
        return found

    def quantile(self, fraction: float) -> int:
        """The number at one fraction."""
        return self.quantiles((fraction,))[0]

    def above(self, number: int) -> int:
        """How many were larger; those in `number`'s own bin count as not larger."""
        own = _bin(number)
        return sum(count for bin_, count in self.bins.items() if bin_ > own)

    def between(self, low: int, high: int | None) -> "Tally":
        """What is above `low` and not above `high` (None: any), as `above` has it. `total` is then of the bins'
        middles."""
        first, last = _bin(low), None if high is None else _bin(high)
        kept = {bin_: count for bin_, count in self.bins.items() if bin_ > first and (last is None or bin_ <= last)}
        total = sum(_middle(bin_) * count for bin_, count in kept.items())
        largest = min(self.largest, _middle(max(kept))) if kept else 0
        return Tally(sum(kept.values()), total, largest, kept)


def _bin(number: int) -> int:
    shift = number.bit_length() - _BITS
    return number if shift <= 0 else shift * _HALF + (number >> shift)


def _middle(bin_: int) -> int:
    if bin_ < _EXACT:
        return bin_
    shift = bin_ // _HALF - 1
    low = (bin_ - shift * _HALF) << shift
    return low + (1 << shift) // 2
