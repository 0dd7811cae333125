"""The latest traffic, over as long a time as it takes to know it."""

import math
from collections.abc import Sequence

from tokenlane_fleet.boundary.lengths import Lengths
from tokenlane_fleet.boundary.traffic import Traffic

HALF_LIVES_S = (15.0, 60.0, 240.0, 960.0)
_ERRORS = 4.0


class RecentLengths:
    """`Lengths` that fade at different speeds: busy traffic is known from seconds, thin traffic from an hour."""

    def __init__(self, half_lives_s: Sequence[float] = HALF_LIVES_S) -> None:
        """Half-lives ascend. Raises ValueError unless there is one and they do."""
        if not half_lives_s or list(half_lives_s) != sorted(set(half_lives_s)):
            raise ValueError("half-lives must ascend")
        self._lengths = tuple(Lengths(half_life) for half_life in half_lives_s)

    def observe(self, prompt_tokens: int, output_tokens: int, now_s: float, counted: int | None = None) -> None:
        """As `Lengths.observe`."""
        for lengths in self._lengths:
            lengths.observe(prompt_tokens, output_tokens, now_s, counted)

    def traffic(self, now_s: float, least: float) -> Traffic:
        """From as far back as nothing has changed: of those that agree with the latest `least` observations the one
        that fades slowest; the slowest of all where there are not so many."""
        known = [lengths for lengths in self._lengths if lengths.weight(now_s) >= least]
        if not known:
            return self._lengths[-1].traffic(now_s)
        latest = known[0].traffic(now_s)
        for lengths in reversed(known[1:]):
            longer = lengths.traffic(now_s)
            if agree(latest, longer):
                return longer
        return latest


def agree(latest: Traffic, longer: Traffic) -> bool:
    """Whether both may be the same traffic: rate and share of each octave of length within four standard errors."""
    # Fading by halves, the effective number is twice the weight: (sum of w)^2 / sum of w^2.
    number = 2 * latest.weight
    if abs(latest.rate - longer.rate) > _ERRORS * longer.rate / math.sqrt(number):
        return False
    shares, others = _octaves(latest), _octaves(longer)
    for octave in shares.keys() | others.keys():
        share, other = shares.get(octave, 0.0), others.get(octave, 0.0)
        error = math.sqrt(max(other * (1 - other), 1 / number) / number)
        if abs(share - other) > _ERRORS * error:
            return False
    return True


def _octaves(traffic: Traffic) -> dict[int, float]:
    found: dict[int, float] = {}
    for part in traffic.slices:
        octave = (part.upper - 1).bit_length()
        found[octave] = found.get(octave, 0.0) + part.weight / traffic.weight
    return found
