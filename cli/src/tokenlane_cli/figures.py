"""Figures for people: times with a fitting unit, a dash where nothing is known."""

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime

UNKNOWN = "\N{EN DASH}"


def duration(seconds: float | None) -> str:
    """Three significant digits: 1.23 ms, 45.6 ms, 1.23 s, 123 s."""
    if seconds is None:
        return UNKNOWN
    value, unit = (seconds, "s") if seconds >= 0.9995 else (seconds * 1000, "ms")
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {unit}"


def age(seconds: float) -> str:
    """One whole number, rounded down: 12 s, 4 min, 3 h, 2 d."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def moment(unix_ms: int) -> str:
    """Date and time in UTC; a dash for 0."""
    if not unix_ms:
        return UNKNOWN
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plain(text: str) -> str:
    """Text from elsewhere without what a terminal would obey."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def count(number: int | None) -> str:
    """With separators: 12,345."""
    return UNKNOWN if number is None else f"{number:,}"


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Linear interpolation between the nearest values; None without values."""
    if len(values) < 2:
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
