"""The policies that are compared: what each fixes, and where the search for the rest begins.

Every tuned policy gets the same search: the best of its starting points, then each of its settings in turn.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.design import Candidate, Design, Engine, one_pool
from tokenlane_fleet.plan.moves import startable, with_step_budget
from tokenlane_fleet.plan.policies import (
    BY_TURNS,
    DEADLINE,
    FIFO,
    LEAST_WORK,
    lanes,
    paper_lanes,
    paper_pool,
    starting_engines,
    stealing,
    vllm_defaults,
)
from tokenlane_fleet.plan.sizing import splits
from tokenlane_fleet.plan.workload import Workload
from tokenlane_fleet.sim.fleet import Dispatch, Steal


@dataclass(frozen=True, slots=True)
class Setting:
    """What starting points depend on. `known`: engines that other policies were tuned to."""

    hardware: Hardware
    workload: Workload
    replicas: int
    known: tuple[Engine, ...]


Starts = Callable[[Setting], list[Candidate]]

LANE_BOUNDARIES = (1024, 2048, 4096, 8192)
_LARGER_STEPS = (2, 3)
_CAP_STEPS = 4


@dataclass(frozen=True, slots=True)
class Contender:
    """`learns_from`: policies that are tuned before, whose engines are starting points too."""

    key: str
    title: str
    starts: Starts
    tuned: bool = True
    learns_from: tuple[str, ...] = ()


def _fixed(design: Callable[[Hardware], Design]) -> Starts:
    """As published; the last pool's context is widened to the model's where the traffic has longer requests."""

    def starts(of: Setting) -> list[Candidate]:
        found = design(of.hardware)
        last = found.lanes[-1].engine
        if of.workload.trace.total_tokens.max() > last.max_model_len:
            wider = replace(last, max_model_len=of.hardware.max_model_len)
            found = found.with_engine(len(found.lanes) - 1, wider)
        return [Candidate(found, counts) for counts in _splits(of, found)]

    return starts


def _pool(dispatch: Dispatch) -> Starts:
    def starts(of: Setting) -> list[Candidate]:
        engines = [*starting_engines(of.hardware, dispatch), *of.known]
        return [Candidate(one_pool(engine, dispatch), (of.replicas,)) for engine in engines]

    return starts


def _two(steal: bool) -> Starts:
    def starts(of: Setting) -> list[Candidate]:
        designs = [lanes((boundary,), (engine, engine), FIFO) for boundary in LANE_BOUNDARIES for engine in of.known]
        if steal:
            designs = [stolen for design in designs for stolen in stealing(design)]
        return [Candidate(design, split) for design in dict.fromkeys(designs) for split in _splits(of, design)]

    return starts


def _by_turns(of: Setting) -> list[Candidate]:
    """Workers pull what is next over all lanes, up to some steps of prompts; or lanes of longer requests have larger
    steps, and nothing short is run there."""
    engines = [replace(engine, prefill_cap=_CAP_STEPS * engine.max_num_batched_tokens) for engine in of.known]
    alike = [(BY_TURNS, (engine, engine)) for engine in engines]
    larger = [
        (replace(BY_TURNS, steal=Steal.LONGER), (engine, bigger))
        for engine in engines
        for bigger in (with_step_budget(engine, times * engine.max_num_batched_tokens) for times in _LARGER_STEPS)
        if startable(bigger, of.hardware)
    ]
    designs = [lanes((boundary,), pair, rules) for boundary in LANE_BOUNDARIES for rules, pair in (*alike, *larger)]
    return [Candidate(design, split) for design in dict.fromkeys(designs) for split in _splits(of, design)]


def _splits(of: Setting, design: Design) -> list[tuple[int, ...]]:
    """Replicas by each lane's share of the tokens, and one more or less."""
    budgets = of.workload.budgets
    shares = [int(budgets[of.workload.members(*bounds)].sum()) for bounds in design.bounds()]
    return splits(of.replicas, tuple(max(1, share) for share in shares)) if len(shares) > 1 else [(of.replicas,)]


CONTENDERS = (
    Contender("paper", "paper's pool: 64K, 16 sequences, shortest queue", _fixed(paper_pool), tuned=False),
    Contender("defaults", "vLLM defaults, shortest queue", _fixed(vllm_defaults), tuned=False),
    Contender("one-push", "**tuned** single pool, work-aware push", _pool(LEAST_WORK)),
    Contender("one", "tuned single pool, central pull, FIFO", _pool(FIFO)),
    Contender("one-deadline", "tuned single pool, central pull, deadline order", _pool(DEADLINE), True, ("one",)),
    Contender("paper-lanes", "two fixed lanes, paper's setting", _fixed(paper_lanes), tuned=False),
    Contender("two", "two fixed lanes, tuned", _two(False), True, ("one",)),
    Contender("elastic", "elastic lanes, deadline order (simulated policy)", _two(True), True, ("one-deadline", "one")),
)

PULLED = Contender("by-turns", "elastic lanes, by turns (the product's rule)", _by_turns, True, ("one-deadline", "one"))
"""What `bench.goodput` is about; `bench.fleet.policies` was run without it."""


def named(key: str) -> Contender:
    """One of all."""
    return next(of for of in (*CONTENDERS, PULLED) if of.key == key)
