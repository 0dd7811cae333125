"""Dates and times, many at once."""

import math
import re
from datetime import UTC, datetime
from operator import add

_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
_PREFIX = len("2023-11-16 18:15:")
_MOST_MINUTES = 10_000


class _Minutes(dict[str, float]):
    """Seconds since the origin at the beginning of a minute, by `2023-11-16 18:15:`."""

    def __init__(self, zone: str) -> None:
        super().__init__()
        self.zone = zone
        self.origin_s: float | None = None

    def __missing__(self, prefix: str) -> float:
        if len(self) >= _MOST_MINUTES:
            self.clear()
        found = self.since_origin(f"{prefix}00{self.zone}")
        self[prefix] = found
        return found

    def since_origin(self, text: str) -> float:
        when = datetime.fromisoformat(text)
        at = when.timestamp() if when.tzinfo else when.replace(tzinfo=UTC).timestamp()
        if self.origin_s is None:
            self.origin_s = at
        return at - self.origin_s


class Clock:
    """Turns ISO 8601 texts into seconds since the first one's minute. Times without a zone are taken as UTC."""

    def __init__(self) -> None:
        self._minutes: _Minutes | None = None

    def one(self, text: str) -> float:
        """Any form that Python knows. Raises ValueError."""
        return self._known(text).since_origin(text)

    def many(self, texts: list[str]) -> list[float]:
        """Texts like `2023-11-16 18:15:46.6805900`, all with the first one's zone. Raises ValueError where one is in
        another form: then take them one by one."""
        minutes = self._known(texts[0])
        end = None
        if minutes.zone:
            end = -len(minutes.zone)
            if not all(text.endswith(minutes.zone) for text in texts):
                raise ValueError
        seconds = [float(text[_PREFIX:end]) for text in texts]
        if not (min(seconds) >= 0 and max(seconds) < 60 and math.isfinite(sum(seconds))):
            raise ValueError
        return list(map(add, [minutes[text[:_PREFIX]] for text in texts], seconds))

    def _known(self, text: str) -> _Minutes:
        if self._minutes is None:
            zone = _ZONE.search(text, _PREFIX)
            self._minutes = _Minutes(zone[0] if zone else "")
        return self._minutes
