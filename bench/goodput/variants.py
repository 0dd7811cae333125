"""The rule with one part of it changed: what each part is worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.fleet.goodput import Bench
from bench.fleet.workloads import Kind, Sources
from bench.goodput.bars import ratio
from bench.goodput.overload import waits
from tokenlane_fleet.plan.design import Candidate
from tokenlane_fleet.sim.fleet import Bind, Order, Pull, Steal


@dataclass(frozen=True, slots=True)
class Variant:
    """`changes`: settings of `Pull`."""

    title: str
    changes: dict[str, object]


VARIANTS = (
    Variant("the rule", {}),
    Variant("key less own prefill time", {"order": Order.DEADLINE}),
    Variant("in order of arrival", {"order": Order.FIFO}),
    Variant("nothing steps back", {"late_last": False}),
    Variant("late by arithmetic alone", {"chunked_prefill": False}),
    Variant("late ones wait without bound", {"patience": math.inf, "patience_s": math.inf}),
    Variant("patience of at most 10 s", {"patience_s": 10.0}),
    Variant("patience of 20 s for all", {"patience": math.inf}),
    Variant("bound as a step begins", {"bind": Bind.AT_STEP}),
    Variant("bound in turn", {"bind": Bind.IN_TURN}),
    Variant("what is computed does not count", {"whole_prompts": False}),
    Variant("short lane helps long alone", {"steal": Steal.LONGER}),
    Variant("lanes apart", {"steal": Steal.NEVER}),
)


def changed(of: Candidate, variant: Variant) -> Candidate:
    """The same fleet by another rule."""
    rules = of.design.dispatch
    if not isinstance(rules, Pull):
        raise TypeError("only a queue has a rule")
    return replace(of, design=replace(of.design, dispatch=replace(rules, **variant.changes)))  # type: ignore[arg-type]


def goodput(bench: Bench, sources: Sources, kind: Kind, of: Candidate, guess: float, draws: Sequence[int]) -> float:
    """Requests/s of a replica, the mean of draws. `guess`: of it."""
    replicas = sum(of.replicas)
    traces = [sources.trace(kind, guess * replicas, draw) for draw in draws]
    return sum(bench.highest_rate(trace, of) for trace in traces) / len(traces) / replicas


def overloaded(
    bench: Bench, sources: Sources, kind: Kind, of: Candidate, pool: Sequence[dict[str, float]], rate: float
) -> tuple[float, float]:
    """Short requests' P99 to the first token and the longest wait of a long one, over the tuned pool's, each of the
    worst draw. `pool`: what it had, by draw."""
    found = [waits(bench, sources, kind, of, rate, draw) for draw in range(1, len(pool) + 1)]
    pairs = list(zip(found, pool, strict=True))
    short = max(ratio(ours.short_p99_s, theirs["short_p99_s"]) for ours, theirs in pairs)
    return short, max(ratio(ours.long_longest_s, theirs["long_longest_s"]) for ours, theirs in pairs)
