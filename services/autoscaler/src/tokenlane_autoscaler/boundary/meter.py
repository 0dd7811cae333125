"""What a lane can do, and whether it falls behind. Pure; times in seconds of any steady clock.

A lane in which requests wait shows what its workers can do. Until one does, the speed of prefills stands for it: prompt
tokens over the time from the engine to the first token, the median of the latest.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

_WINDOW_S = 60.0
_SMOOTHING = 0.3
# With nothing else known, the best minute of a lane that was not full counts as so much of what it can do.
_NOT_FULL = 0.85
_SPEEDS = 101
_MOST_PRESSURE = 5.0
# Of a worker that finished nothing for so long nothing is known.
_SEEN_S = 300.0
_MOST_WORKERS = 4_096


class _Sample(NamedTuple):
    at_s: float
    waited_requests: int
    waited_tokens: float
    ran_tokens: float
    waiting_tokens: float
    replicas: int


@dataclass(slots=True)
class LaneMeter:
    """Counts of one lane, which all go up: finished requests that waited in it and their budgets, and prompt and output
    tokens of those that its workers ran."""

    guess_tokens_per_s: float
    waited_requests: int = 0
    waited_tokens: float = 0.0
    ran_tokens: float = 0.0
    _speeds: deque[float] = field(default_factory=lambda: deque(maxlen=_SPEEDS))
    _workers: dict[str, float] = field(default_factory=dict)
    _samples: deque[_Sample] = field(default_factory=deque)
    _full_tokens_per_s: float | None = None
    _least_tokens_per_s: float = 0.0

    def waited(self, budget: int) -> None:
        """A request that waited in it was finished."""
        self.waited_requests += 1
        self.waited_tokens += budget

    def ran(self, worker: str, tokens: int, prefill_tokens_per_s: float | None, now_s: float) -> None:
        """One of its workers finished a request."""
        self.ran_tokens += tokens
        if prefill_tokens_per_s is not None:
            self._speeds.append(prefill_tokens_per_s)
        if worker and (worker in self._workers or len(self._workers) < _MOST_WORKERS):
            self._workers[worker] = now_s

    def replicas(self, wanted: int | None, now_s: float) -> int:
        """Workers that finished something lately; where none did, as many as are wanted."""
        self._workers = {worker: seen for worker, seen in self._workers.items() if seen > now_s - _SEEN_S}
        return len(self._workers) or (1 if wanted is None else wanted)

    def look(self, now_s: float, waiting_tokens: float, replicas: int) -> None:
        """Take a sample. `waiting_tokens`: budgets of what no worker has."""
        if self._samples and now_s <= self._samples[-1].at_s:
            return
        sample = _Sample(
            now_s,
            self.waited_requests,
            self.waited_tokens,
            self.ran_tokens,
            waiting_tokens,
            max(1, replicas),
        )
        self._samples.append(sample)
        while self._samples[0].at_s < now_s - _WINDOW_S:
            self._samples.popleft()
        self._measure()

    @property
    def tokens_per_s(self) -> float:
        """What one replica computes at most, as far as that is known."""
        if self._full_tokens_per_s is not None:
            return max(self._full_tokens_per_s, self._least_tokens_per_s)
        if self._speeds:
            return max(median(self._speeds), self._least_tokens_per_s)
        return max(self.guess_tokens_per_s, self._least_tokens_per_s / _NOT_FULL)

    @property
    def is_known(self) -> bool:
        """Whether anything was measured."""
        return bool(self._full_tokens_per_s or self._speeds or self._least_tokens_per_s)

    @property
    def pressure(self) -> float:
        """Budget tokens that came for each that was finished lately, at least 1. Two standard errors of the number of
        requests are taken for chance."""
        if len(self._samples) < 2:
            return 1.0
        first, last = self._samples[0], self._samples[-1]
        more = last.waiting_tokens - first.waiting_tokens
        finished = last.waited_tokens - first.waited_tokens
        if more <= 0:
            return 1.0
        if finished <= 0:
            return _MOST_PRESSURE
        chance = 2 / math.sqrt(last.waited_requests - first.waited_requests)
        return min(1 + max(0.0, more / finished - chance), _MOST_PRESSURE)

    def _measure(self) -> None:
        first, last = self._samples[0], self._samples[-1]
        if last.at_s - first.at_s < _WINDOW_S / 2:
            return
        replicas = max(sample.replicas for sample in self._samples)
        rate = (last.ran_tokens - first.ran_tokens) / (last.at_s - first.at_s) / replicas
        steady = all(sample.waiting_tokens > 0 and sample.replicas == replicas for sample in self._samples)
        if not steady or rate <= 0:
            self._least_tokens_per_s = max(self._least_tokens_per_s, rate)
        elif self._full_tokens_per_s is None:
            self._full_tokens_per_s = self._least_tokens_per_s = rate
        else:
            self._full_tokens_per_s += _SMOOTHING * (rate - self._full_tokens_per_s)
            self._least_tokens_per_s = min(self._least_tokens_per_s, self._full_tokens_per_s)
