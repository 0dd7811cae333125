"""What a round says, and whether lanes keep what is asked of them. Pure."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.lanes.load import Round
from bench.lanes.steps import Step

# What lanes have to bring against round robin.
SOONER, MOST_STEPS = 4.0, 1.05


@dataclass(frozen=True, slots=True)
class Figures:
    """Steps are those of the engine that ran a request; `end` of the one that made most, `total` of all. `sequences`:
    mean of a step. `kv_usage`: mean share of the KV cache in use. `queued_s`: mean seconds in an engine's own queue.
    `taken`: requests that the other lane's engine ran; None without lanes."""

    short_p50: float
    short_p95: float
    long_p50: float
    long_p95: float
    preemptions: float
    end: float
    total: float
    seconds: float
    sequences: float
    kv_usage: float
    queued_s: float
    taken: float | None


@dataclass(frozen=True, slots=True)
class Bar:
    """`value` against `limit`, in `words`."""

    words: str
    value: float
    limit: float
    kept: bool


def figures_of(found: Round) -> Figures:
    """Of one round."""
    short = [found.steps_of(each) for each in found.answered if each.asked.short]
    long = [found.steps_of(each) for each in found.answered if not each.asked.short]
    made = [len(steps) for steps in found.steps]
    every = [step for steps in found.steps for step in steps]
    return Figures(
        short_p50=statistics.median(short),
        short_p95=p95(short),
        long_p50=statistics.median(long),
        long_p95=p95(long),
        preemptions=sum(each.preemptions for each in found.counters),
        end=max(made),
        total=sum(made),
        seconds=max(each.seconds for each in found.answered),
        sequences=_mean(every, lambda step: step.sequences),
        kv_usage=_mean(every, lambda step: step.kv_usage),
        queued_s=sum(each.queued_s for each in found.counters) / len(found.answered),
        taken=found.taken,
    )


def medians(rounds: Sequence[Figures]) -> Figures:
    """Of each figure by itself."""
    return Figures(**{name: _median([getattr(each, name) for each in rounds]) for name in Figures.__slots__})


def bars(without: Sequence[Figures], lanes: Sequence[Figures]) -> list[Bar]:
    """What is asked of lanes: medians over the mixes, each against the same mix without lanes."""
    pairs = list(zip(without, lanes, strict=True))
    sooner = statistics.median(before.short_p95 / after.short_p95 for before, after in pairs)
    total = statistics.median(after.total / before.total for before, after in pairs)
    end = statistics.median(after.end / before.end for before, after in pairs)
    preempted, limit = medians(lanes).preemptions, medians(without).preemptions
    return [
        Bar("short requests' P95 sooner by", sooner, SOONER, sooner >= SOONER),
        Bar("steps of both engines, of those without lanes", total, MOST_STEPS, total <= MOST_STEPS),
        Bar("steps of the engine with most, of those without lanes", end, MOST_STEPS, end <= MOST_STEPS),
        Bar("preemptions", preempted, limit, preempted <= limit),
    ]


def p95(values: Sequence[float]) -> float:
    """The value that 95 % do not exceed."""
    return statistics.quantiles(values, n=20, method="inclusive")[18]


def _mean(steps: Sequence[Step], of: Callable[[Step], float]) -> float:
    return statistics.fmean(map(of, steps))


def _median(values: Sequence[Any]) -> Any:
    return None if None in values else statistics.median(values)
