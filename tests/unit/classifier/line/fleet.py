"""A fleet in the time of a test: it takes from a line so much work a second."""

from collections.abc import Callable

from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.order import TARIFF
from tokenlane_classifier.line.waiting import Place, Waiting

SHORT = Place("short", "short")
# Unit: seconds.
TICK_S = 0.02


class Fleet:
    """`done` is told what goes, and when."""

    def __init__(self, line: Line, work_a_second: float, done: Callable[[Waiting, float], None]) -> None:
        self._line, self._rate, self._done = line, work_a_second, done
        self._room = 0.0
        self._room_at = {SHORT}

    def tick(self, now_s: float) -> None:
        """Take what there is room for after one more tick. Room that nobody takes is lost."""
        self._room += self._rate * TICK_S
        while self._room > 0:
            found = self._line.next(now_s, self._room_at)
            if found is None:
                self._room = 0.0
                return
            self._room -= TARIFF.of(self._line.release(found.seq))
            self._done(found, now_s)
