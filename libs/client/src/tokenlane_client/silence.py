"""When a reader has heard nothing for so long that it asks. Pure, but for its own state."""

from collections.abc import Callable
from typing import NamedTuple

FIRST_S = 5.0
LONGEST_S = 60.0
# Whoever could answer connects anew as well, perhaps a little later.
AFTER_RECONNECT_S = 1.0


class _Quiet(NamedTuple):
    since: float
    patience_s: float


class Silence:
    """One reader's patience: five seconds at first, then twice as long each time, at most a minute, each up to a fifth
    more or less by chance. `chance` gives numbers from 0 to 1."""

    __slots__ = ("_chance", "_quiet")

    def __init__(self, now: float, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._quiet = _Quiet(now, self._about(FIRST_S))

    def overdue(self, heard: bool, now: float) -> bool:
        """Whether it is time to ask. `heard`: something came since the last call. `now` in seconds."""
        since, patience_s = self._quiet
        if heard:
            self._quiet = _Quiet(now, self._about(FIRST_S))
        elif now - since >= patience_s:
            self._quiet = _Quiet(now, self._about(min(patience_s * 2, LONGEST_S)))
            return True
        return False

    def reconnected(self, now: float) -> None:
        """The connection was away: ask again soon, whatever was asked just now."""
        self._quiet = _Quiet(now, self._about(AFTER_RECONNECT_S))

    def _about(self, seconds: float) -> float:
        return seconds * (0.8 + 0.4 * self._chance())
