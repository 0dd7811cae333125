"""What is finished of a lane's requests, and what one replica of it can finish, in budget tokens a second: the
backlog's own unit. Pure.

The two are counted apart, since idle workers of other lanes take from it, and its own take from others.
Only a lane whose workers are full shows what they can do; any other shows at least that they can do this much.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile

_SMOOTHING = 0.3


@dataclass(frozen=True, slots=True)
class Sample:
    """A look at a lane at `at_s` seconds. `finished_tokens`, of requests that waited in it, and `ran_tokens`, of
    requests that its workers ran, count up. `saturated`: requests waited."""

    at_s: float
    finished_tokens: float
    ran_tokens: float
    saturated: bool
    replicas: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """What was measured of a lane. `replica_tokens_per_s` is the configured value until a measurement replaces it."""

    replica_tokens_per_s: float
    samples: tuple[Sample, ...] = ()
    steady_since_s: float = math.inf
    measured: bool = False

    @property
    def load_tokens_per_s(self) -> float:
        """Finished a second over the window; 0 before there are two samples."""
        return self._rate([sample.finished_tokens for sample in self.samples])

    def _rate(self, totals: Sequence[float]) -> float:
        if len(totals) < 2:
            return 0.0
        return max(0.0, totals[-1] - totals[0]) / (self.samples[-1].at_s - self.samples[0].at_s)

    def sampled(self, sample: Sample, window_s: float, settle_s: float) -> "Throughput":
        """This after one more sample, with those older than `window_s` forgotten. Replicas count as full ones only
        `settle_s` after their number changed: they take time to start."""
        if self.samples and sample.at_s <= self.samples[-1].at_s:
            return self
        kept = tuple(dropwhile(lambda old: old.at_s < sample.at_s - window_s, self.samples))
        changed = not self.samples or self.samples[-1].replicas != sample.replicas
        since = sample.at_s if changed else self.steady_since_s
        samples = (*kept, sample)
        seen = Throughput(self.replica_tokens_per_s, samples, since, self.measured)
        return seen._measured(window_s, settle_s)

    def _measured(self, window_s: float, settle_s: float) -> "Throughput":
        first, last = self.samples[0], self.samples[-1]
        replicas = max(sample.replicas for sample in self.samples)
        if replicas == 0 or last.at_s - first.at_s < window_s / 2:
            return self
        observed = self._rate([sample.ran_tokens for sample in self.samples]) / replicas
        full = all(sample.saturated for sample in self.samples) and first.at_s >= self.steady_since_s + settle_s
        if full and observed > 0:
            weight = _SMOOTHING if self.measured else 1.0
            value = self.replica_tokens_per_s + weight * (observed - self.replica_tokens_per_s)
        elif observed > self.replica_tokens_per_s:
            value = observed
        else:
            return self
        return Throughput(value, self.samples, self.steady_since_s, True)
