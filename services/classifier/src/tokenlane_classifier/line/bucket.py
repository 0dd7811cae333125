"""Tokens that come back evenly."""

import math

_MINUTE_S = 60.0


class Bucket:
    """Tokens of a tenant, `per_minute` of which come back, up to `capacity`. Less than 0 is a debt."""

    def __init__(self, per_minute: int, capacity: float, now_s: float) -> None:
        self.per_minute, self.capacity = per_minute, capacity
        self._tokens, self._at_s = capacity, now_s
        self._told_s = -math.inf

    def tokens(self, now_s: float) -> float:
        """What is in it."""
        back = max(0.0, now_s - self._at_s) * self.per_minute / _MINUTE_S
        return min(self.capacity, self._tokens + back)

    def change(self, tokens: float, now_s: float) -> None:
        """Put tokens back, or take them. What is over the capacity is lost."""
        self._tokens = min(self.capacity, self.tokens(now_s) + tokens)
        self._at_s = max(self._at_s, now_s)

    def resize(self, per_minute: int, capacity: float, now_s: float) -> None:
        """Other limits: what was taken stays taken."""
        taken = self.capacity - self.tokens(now_s)
        self.per_minute, self.capacity = per_minute, capacity
        self._tokens, self._at_s = capacity - taken, now_s

    def turn_s(self, tokens: float, now_s: float) -> float:
        """How long until it has that many for one who is told to come back, each told the turn after the last one's.
        No turn is later than a full bucket: whoever was told one need not come."""
        rate = self.per_minute / _MINUTE_S
        enough_s = now_s + max(0.0, tokens - self.tokens(now_s)) / rate
        full_s = now_s + max(0.0, self.capacity - self.tokens(now_s)) / rate
        after_s = self._told_s + tokens / rate if self._told_s > now_s else now_s
        self._told_s = max(enough_s, min(after_s, full_s))
        return self._told_s - now_s
