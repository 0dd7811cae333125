"""The requests a search simulates: a trace, what a classifier believes of it, and how many may miss their limits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.slo import Slo, class_of, kept, ttft_limit_s
from tokenlane_fleet.sim.trace import Seconds, Tokens, Trace

LOAD_STEP = 1.03
"""Loads are whole powers of this: 3 % apart, which is about the noise of a trace of some thousand requests."""

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Workload:
    """`budgets`: total tokens as believed, by request. `ttft_s`: limit of each request as its *believed* class has it,
    for the order of a queue. `allowed`: misses that each class of `slo` may have."""

    trace: Trace
    budgets: Tokens
    slo: Slo
    ttft_s: Seconds
    allowed: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.trace)

    def at(self, load: int) -> Trace:
        """The trace with `LOAD_STEP ** load` times its requests a second."""
        return replace(self.trace, arrival_s=self.trace.arrival_s / LOAD_STEP**load)

    def members(self, above: int, up_to: int | None) -> NDArray[np.bool_]:
        """Whose budget is in (above, up_to]."""
        return (self.budgets > above) & (self.budgets <= (np.iinfo(np.int64).max if up_to is None else up_to))

    def only(self, chosen: NDArray[np.bool_]) -> "Workload":
        """The chosen requests; each class may miss its share of them."""
        return _judged(self.trace.only(chosen), self.slo, self.budgets[chosen])

    def lenient(self, chosen: NDArray[np.bool_], share: float) -> "Workload":
        """The chosen requests; each class may miss its share of them or, where that is more, `share` of what it may
        miss here. So few requests of a class in a lane do not decide about the lane."""
        part = self.only(chosen)
        allowed = (
            own if math.isinf(own) else max(own, whole * share)
            for own, whole in zip(part.allowed, self.allowed, strict=True)
        )
        return replace(part, allowed=tuple(allowed))

    def busiest(self, requests: int) -> "Workload":
        """At most `requests` that follow each other, where their tokens come fastest."""
        if len(self) <= requests:
            return self
        tokens = np.concatenate(([0], np.cumsum(self.trace.total_tokens)))
        spans = self.trace.arrival_s[requests - 1 :] - self.trace.arrival_s[: len(self) - requests + 1]
        rates = (tokens[requests:] - tokens[:-requests]) / np.maximum(spans, _ROUNDING)
        place = np.arange(len(self)) - int(rates.argmax())
        return self.lenient((place >= 0) & (place < requests), requests / len(self))


def workload(trace: Trace, slo: Slo, budgets: Tokens | None = None) -> Workload:
    """A trace with its objectives, begun at 0. Without `budgets` the classifier knows each length."""
    believed = trace.total_tokens if budgets is None else np.asarray(budgets, dtype=np.int64)
    return _judged(replace(trace, arrival_s=trace.arrival_s - trace.arrival_s[0]), slo, believed)


def _judged(trace: Trace, slo: Slo, believed: Tokens) -> Workload:
    as_believed = replace(trace, output_tokens=np.maximum(believed - trace.prompt_tokens, 1))
    sizes = class_sizes(trace, slo)
    return Workload(trace, believed, slo, ttft_limit_s(as_believed, slo), allowed_misses(sizes, slo))


def class_sizes(trace: Trace, slo: Slo) -> tuple[int, ...]:
    """Requests of each class, by their true lengths."""
    counts = np.bincount(class_of(trace, slo), minlength=len(slo.classes))
    return tuple(int(count) for count in counts)


def allowed_misses(sizes: Sequence[int], slo: Slo) -> tuple[float, ...]:
    """How many of `sizes` requests a class may miss; infinity for a class without any."""
    return tuple(size * (1 - slo.attainment + _ROUNDING) if size else math.inf for size in sizes)


def misses(result: Result, slo: Slo) -> tuple[int, ...]:
    """Requests of each class that did not keep their limits, rejected ones among them."""
    lost = class_of(result.trace, slo)[~kept(result, slo)]
    return tuple(int(count) for count in np.bincount(lost, minlength=len(slo.classes)))
