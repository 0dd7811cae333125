"""What the workers' two rules are worth: over-commitment of KV credit, and the cap on prompts in flight."""

from collections.abc import Callable
from dataclasses import replace

from bench.fleet.goodput import Bench
from bench.fleet.workloads import Kind, Sources
from tokenlane_fleet.plan.design import Candidate, Engine
from tokenlane_fleet.sim.budgets import declared, exact
from tokenlane_fleet.sim.trace import Tokens, Trace

OVERCOMMITS = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0)
CAP_STEPS = (1, 2, 3, 4, 6, 8, 16, 0)
DECLARED = 2048
# A third of the memory is the least that holds the model's context.
MEMORIES = (1.0, 0.34)
_DRAW = 1

Rated = tuple[float, float]
"""Goodput in requests/s of a replica, and preemptions per 1,000 requests there."""


def overcommitted(of: Candidate, factor: float) -> Candidate:
    """With that over-commitment in all lanes."""
    return _with(of, lambda engine: replace(engine, kv_overcommit=factor))


def capped(of: Candidate, steps: int) -> Candidate:
    """With a cap of so many of each lane's steps; 0: none."""
    return _with(of, lambda engine: replace(engine, prefill_cap=steps * engine.max_num_batched_tokens))


def _with(of: Candidate, changed: Callable[[Engine], Engine]) -> Candidate:
    design = of.design
    for index, lane in enumerate(design.lanes):
        design = design.with_engine(index, changed(lane.engine))
    return replace(of, design=design)


def bounds(trace: Trace) -> Tokens:
    """Budgets of clients that allow more output than comes."""
    return declared(trace, DECLARED)


def with_memory(bench: Bench, part: float, known: bool) -> Bench:
    """The same engines with a part of the KV memory, and lengths known or bounded by what clients declare."""
    hardware = bench.hardware
    less = replace(hardware, kv_tokens=int(hardware.kv_tokens * part))
    return replace(bench, hardware=less, believed=exact if known else bounds)


def rated(bench: Bench, sources: Sources, kind: Kind, of: Candidate, guess: float) -> Rated:
    """On a draw of the traffic that nothing was tuned on. `guess`: of the goodput."""
    replicas = sum(of.replicas)
    trace = sources.trace(kind, guess * replicas, _DRAW)
    kept = bench.highest_rate(trace, of)
    if not kept:
        return 0.0, 0.0
    result = bench.result(trace.at_rate(kept), of)
    return kept / replicas, 1000 * result.preemptions / len(trace)
