"""How much prompt an engine has in front of it, and so how much more to pull. Pure.

A worker that fills its engine's KV cache with prompts nobody has computed yet hides them from workers that stand idle.
So it pulls as long as what is not computed stays within a few steps' work. Only streams show when their prompt is
computed; of others it is thought to take as long as of those. Where there was no stream yet, they are not counted.
"""

# Parts of the cap that tenants who have far more here than others, and requests of batch priority, may take; the rest
# is left to others. Of the default cap, four steps, these are two fifths and an eighth of one: others find steps about
# as long as those that they know. More fills the engine better, and they wait longer (`bench.tenants`).
_FLOOD, _BATCH = 10, 32

# Weight of the latest request in the mean length of prompts.
_SMOOTHING = 0.1


class Pace:
    """How long prompts take, as streams showed lately: the steps that so many tokens fill, and the one that was under
    way. `step`: tokens of a step."""

    def __init__(self, step: int) -> None:
        self._step = max(1, step)
        self._step_s: float | None = None

    def shown(self, tokens: int, seconds: float) -> None:
        """A stream's first token came so long after it was begun as the last of so many tokens."""
        each = seconds / self._steps(tokens)
        self._step_s = each if self._step_s is None else self._step_s + _SMOOTHING * (each - self._step_s)

    def expected_s(self, tokens: int) -> float | None:
        """When the last of so many tokens will be computed. None: nothing is known."""
        return None if self._step_s is None else self._step_s * self._steps(tokens)

    def _steps(self, tokens: int) -> float:
        return 1 + tokens / self._step


class Prefill:
    """Prompts that were begun and are not computed yet, by urgency (0 the most urgent of `urgencies`). `cap`: tokens
    above which nothing more is pulled; 0: any number. An engine without any takes a request of any length."""

    def __init__(self, cap: int, urgencies: int) -> None:
        self._cap = cap
        self._tokens = [0] * urgencies
        self._mean = cap / 4

    def begin(self, tokens: int, urgency: int) -> None:
        """A prompt of so many tokens is begun, and its end will be told."""
        self._tokens[urgency] += tokens
        self.seen(tokens)

    @property
    def tokens(self) -> int:
        """All that are begun and not computed."""
        return sum(self._tokens)

    def seen(self, tokens: int) -> None:
        """A prompt of so many tokens came by: so long are those that are pulled."""
        self._mean += _SMOOTHING * (tokens - self._mean)

    def end(self, tokens: int, urgency: int) -> None:
        """It is computed, or given up."""
        self._tokens[urgency] -= tokens

    def left(self, urgency: int) -> int | None:
        """Tokens of this urgency that may still be begun; None: any number."""
        return max(0, self._cap - sum(self._tokens[: urgency + 1])) if self._cap else None

    @property
    def batch_reserve(self) -> int:
        """Tokens that requests of batch priority leave to others."""
        return self._cap - self._cap // _BATCH

    @property
    def flood_reserve(self) -> int:
        """Tokens that who floods leaves to others."""
        return self._cap - self._cap // _FLOOD

    def limit(self, room: int, urgency: int) -> int:
        """How many of `room` requests of this urgency may be on their way. What is less urgent does not count: it gives
        way in the engine, or is another lane's."""
        if not self._cap:
            return room
        left = self._cap - sum(self._tokens[: urgency + 1])
        return min(room, max(1, int(left / max(1.0, self._mean)))) if left > 0 else 0
