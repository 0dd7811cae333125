"""What one client lived through with one request."""

import random
import time
from dataclasses import dataclass, field

from tests.chaos.answers import Said

# How long a client goes on trying. Unit: seconds.
PATIENCE_S = 300
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


@dataclass(slots=True)
class Seen:
    """`said` None: no answer, `error` says why. Times in seconds. `faults`: what no client should ever see."""

    number: int
    said: Said | None = None
    error: str = ""
    tries: int = 0
    resumed: int = 0
    events: int = 0
    began: float = field(default_factory=time.monotonic)
    first: float = 0.0
    seconds: float = 0.0
    stall: float = 0.0
    # Text shown when the longest stall began, and when that was.
    stalled_text: str = ""
    stalled_at: float = 0.0
    faults: list[str] = field(default_factory=list)
    _heard: float = field(default_factory=time.monotonic)

    def progress(self, events: int = 1, before: str = "") -> None:
        """Something of the answer arrived; `before` is the text so far."""
        now = time.monotonic()
        if now - self._heard > self.stall:
            self.stall, self.stalled_text, self.stalled_at = now - self._heard, before, self._heard
        self._heard = now
        self.first = self.first or now - self.began
        self.events += events

    def end(self, said: Said | None, error: str = "") -> "Seen":
        """The client is done."""
        self.said, self.error = said, error
        self.seconds = time.monotonic() - self.began
        return self

    @property
    def patient(self) -> bool:
        """Whether the client would try again."""
        return time.monotonic() - self.began < PATIENCE_S


def pause(tries: int, retry_after: str | None, source: random.Random) -> float:
    """How long to wait before the next try, in seconds: what the server says, else longer each time, with jitter."""
    if retry_after is not None:
        return float(retry_after)
    longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(tries, 8))
    return longest * (0.5 + source.random() / 2)
