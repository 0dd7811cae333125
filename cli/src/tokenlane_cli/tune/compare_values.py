"""Outcomes of simulations, as plain values, and which of two is better. Pure."""

import math
from dataclasses import dataclass

FEWER = ", fewer replicas"
# About what two draws of a trace differ by.
TOLERANCE = 1.05
NOTICED = math.log(TOLERANCE)
_NOTICED_S = 0.01
_MISSED = 10.0
_REJECTED = 1000.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A setup with its replicas by lane. Seconds; short requests are those up to the class boundary, by their true
    lengths. `long_ttft_p99_s` 0 where there is no long one."""

    title: str
    boundary: int
    replicas: tuple[int, ...]
    short_ttft_p50_s: float
    short_ttft_p99_s: float
    long_ttft_p99_s: float
    ttft_p99_s: float
    tpot_p99_s: float
    preemptions: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`with_same`: other setups with as many replicas as `now`, each split as suits its short requests best. `fewest`:
    the smallest fleet of any of them that is no worse than `now`; None where none is smaller. `chosen`: title of
    the one that is recommended; `now`'s where nothing is better."""

    requests: int
    now: Outcome
    with_same: tuple[Outcome, ...]
    fewest: Outcome | None
    chosen: str


def burden(outcome: Outcome, tpot_s: float) -> float:
    """How ill requests are served; a smaller one is better. What is rejected counts above all, then whether the P99 of
    a time a token is above `tpot_s`; else ratios count: of short requests' P99 to the first token in full, of long
    ones' half."""
    seconds = (outcome.short_ttft_p99_s, outcome.long_ttft_p99_s)
    short, long = (math.log(each + _NOTICED_S) for each in seconds)
    over = math.log(max(1.0, outcome.tpot_p99_s / tpot_s))
    return short + long / 2 + over + _MISSED * (over > NOTICED) + _REJECTED * outcome.rejected


def no_worse(outcome: Outcome, than: Outcome, tpot_s: float) -> bool:
    """Whether neither class of requests is served noticeably worse; a time a token of up to `tpot_s` is good enough."""
    pairs = (
        (outcome.short_ttft_p99_s, than.short_ttft_p99_s),
        (outcome.long_ttft_p99_s, than.long_ttft_p99_s),
        (outcome.tpot_p99_s, max(than.tpot_p99_s, tpot_s)),
    )
    slower = any(mine > theirs * TOLERANCE + _NOTICED_S for mine, theirs in pairs)
    return not slower and outcome.rejected <= than.rejected
