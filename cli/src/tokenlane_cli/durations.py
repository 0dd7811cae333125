"""Durations as people write them: 80ms, 1.5s, 2min, 24h, 7d."""

import re

from tokenlane_cli.errors import UsageError

_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(us|ms|s|min|m|h|d)\s*", re.ASCII)
_LONGEST_S = 100 * 365 * 86_400.0


def parse_duration(flag: str, text: str) -> float:
    """Seconds, more than 0 and less than a century. Raises UsageError."""
    written = _WRITTEN.fullmatch(text)
    seconds = float(written[1]) * _UNITS_S[written[2]] if written else 0.0
    if not 0 < seconds < _LONGEST_S:
        raise UsageError(f"{flag}: {text.strip()!r} is not a duration above zero, such as 30s, 15min, 24h or 7d")
    return seconds
