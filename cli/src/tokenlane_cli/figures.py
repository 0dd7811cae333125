"""Figures for people: times with a fitting unit, a dash where nothing is known."""

import statistics
from collections.abc import Sequence

UNKNOWN = "\N{EN DASH}"


def duration(seconds: float | None) -> str:
    """Three significant digits: 1.23 ms, 45.6 ms, 1.23 s, 123 s."""
    if seconds is None:
        return UNKNOWN
    value, unit = (seconds, "s") if seconds >= 0.9995 else (seconds * 1000, "ms")
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {unit}"


def count(number: int | None) -> str:
    """With separators: 12,345."""
    return UNKNOWN if number is None else f"{number:,}"


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Linear interpolation between the nearest values; None without values."""
    if len(values) < 2:
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
