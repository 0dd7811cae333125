"""Keeps a quantile's coverage where it should be, whatever the traffic does. Pure.

Adaptive conformal inference (Gibbs, Candès: Adaptive conformal inference under distribution shift, NeurIPS 2021,
equation 2): the level that is asked of the distribution rises with every value that was not covered and falls with
every one that was. While no bound is reached, the share covered of T values is off by less than
(highest - lowest) / (gain * T).
"""

# Bounds of the level. Above 1 the estimate goes past all that was seen. Where most outputs are the same, a lower level
# would bring nothing but a slower way back.
LOWEST_LEVEL = 0.4
HIGHEST_LEVEL = 1.2
_STRETCH = 10.0


def moved(offset: float, covered: bool, quantile: float, gain: float) -> float:
    """What is added to the level `quantile` after one more value."""
    step = gain * (quantile - 1.0 if covered else quantile)
    return min(max(offset + step, LOWEST_LEVEL - quantile), HIGHEST_LEVEL - quantile)


def bounded(level: float) -> float:
    """The level that is asked for."""
    return min(max(level, LOWEST_LEVEL), HIGHEST_LEVEL)


def stretch(level: float) -> float:
    """By how much the largest value seen is to be exceeded at a level above 1: doubled every tenth."""
    return 2.0 ** (_STRETCH * (level - 1.0)) if level > 1.0 else 1.0


def in_range(offset: float) -> bool:
    """It may be an offset."""
    return abs(offset) <= HIGHEST_LEVEL
