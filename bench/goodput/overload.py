"""More than the tuned pool keeps: who waits how long."""

from dataclasses import dataclass

import numpy as np

from bench.fleet.goodput import Bench
from bench.fleet.workloads import Kind, Sources
from tokenlane_fleet.plan.design import Candidate
from tokenlane_fleet.sim.slo import attainments, class_of

FACTOR = 1.25


@dataclass(frozen=True, slots=True)
class Waits:
    """Of one draw. `short_p99_s`, `short_longest_s` and `long_longest_s`: to the first token; `kept`: shares of short
    and long requests that kept their limits."""

    short_p99_s: float
    short_longest_s: float
    long_longest_s: float
    kept: tuple[float, ...]


def waits(bench: Bench, sources: Sources, kind: Kind, candidate: Candidate, rate: float, draw: int) -> Waits:
    """At `rate` requests a second."""
    trace = sources.trace(kind, rate, draw)
    result = bench.result(trace, candidate)
    short = class_of(trace, bench.slo) == 0
    return Waits(
        float(np.percentile(result.ttft_s[short], 99)),
        float(result.ttft_s[short].max()),
        float(result.ttft_s[~short].max()),
        attainments(result, bench.slo),
    )
