"""A worker whose engine takes nothing stops pulling for a while, so that others take what waits. Pure."""

from tokenlane_worker.decision import Completed, Retry, Verdict


class Rest:
    """After a failure of the engine nothing is pulled until the time that the decision names, then one request at a
    time until one is answered. Times by any clock, in seconds."""

    def __init__(self) -> None:
        self._until_s = 0.0
        self._doubtful = False

    def learn(self, verdict: Verdict, now_s: float) -> None:
        """How an attempt ended."""
        if isinstance(verdict, Retry) and verdict.resting:
            self._until_s = max(self._until_s, now_s + verdict.delay_s)
            self._doubtful = True
        elif isinstance(verdict, Completed):
            self._doubtful = False

    def left_s(self, now_s: float) -> float:
        """Seconds for which nothing may be begun."""
        return max(0.0, self._until_s - now_s)

    def limit(self, target: int, now_s: float) -> int:
        """How many of `target` requests may be on their way."""
        if self.left_s(now_s):
            return 0
        return min(1, target) if self._doubtful else target
