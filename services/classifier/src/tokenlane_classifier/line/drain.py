"""How fast what waits is served."""

import math

# A line is busy once it has not been empty for this long: before, what comes and goes at once tells nothing.
SETTLED_S = 0.1
# Busy time that a rate needs to be believed, and how many were served in it; or else a longer time. The first ones that
# are served after a standstill say little. Unit: seconds.
_EVIDENCE_S, _SERVED = 0.5, 8
_LONG_EVIDENCE_S = 10.0


class Drain:
    """Work a second over the last `window_s` or so, of the time in which something waited: a line that is empty says
    nothing about how fast it could be. What is older counts for less, so that a rate from before a long silence is soon
    outweighed, but holds meanwhile. Work is in units of `Tariff`."""

    def __init__(self, window_s: float = 30.0, halted: bool = False) -> None:
        self._window_s = window_s
        self.waiting = self._served = 0
        self._work = self._busy_s = 0.0
        self._at_s = -math.inf
        self._since_s = math.inf
        self._halted = halted

    def halt(self, halted: bool, now_s: float) -> None:
        """Nobody is there who could serve anything, or somebody is again. That time says nothing."""
        self._advance(now_s)
        if halted == self._halted:
            return
        self._halted = halted
        self._since_s = now_s + SETTLED_S if self.waiting and not halted else math.inf

    def enter(self, now_s: float) -> None:
        """Something waits."""
        self._advance(now_s)
        if not self.waiting and not self._halted:
            self._since_s = now_s + SETTLED_S
        self.waiting += 1

    def leave(self, work: float, now_s: float) -> None:
        """It does not wait any more. `work`: 0 unless it is served."""
        self._advance(now_s)
        if now_s >= self._since_s:
            self._work += work
            self._served += work > 0
        self.waiting -= 1
        if not self.waiting:
            self._since_s = math.inf

    def rate(self, now_s: float) -> float | None:
        """Unit: work a second, more than 0. None if it is not known: what was never served says nothing."""
        self._advance(now_s)
        enough_s = _EVIDENCE_S if self._served >= _SERVED else _LONG_EVIDENCE_S
        return self._work / self._busy_s if self._busy_s >= enough_s and self._work else None

    def _advance(self, now_s: float) -> None:
        passed_s = now_s - self._at_s
        if passed_s <= 0:
            return
        self._at_s = now_s
        busy_s = min(passed_s, max(0.0, now_s - self._since_s))
        kept = math.exp(-passed_s / self._window_s)
        self._work *= kept
        self._busy_s = self._busy_s * kept + self._window_s * (1 - math.exp(-busy_s / self._window_s))
