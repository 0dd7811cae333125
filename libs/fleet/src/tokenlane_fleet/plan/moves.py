"""What a search may change: one setting of one lane at a time, up or down its ladder."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from tokenlane_fleet.errors import LimitsError
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.boundaries import LADDER
from tokenlane_fleet.plan.design import Candidate, Design, Engine, limits
from tokenlane_fleet.sim.fleet import Dispatch, Order, Pull, Push, PushRule, Steal

STEP_BUDGETS = (256, 512, 1024, 2048, 4096, 8192)
SEQUENCES = (8, 16, 32, 64, 128, 256, 512, 1024)
CHUNK_DIVISORS = (0, 2, 4)
OVERCOMMITS = (0.7, 1.0, 1.5, 2.0, 3.0)
PREFILL_CAPS = (0, 1024, 2048, 4096, 8192, 16_384, 32_768)
HELP_TOKENS = (0, 8192, 16_384, 32_768)
_BY_TURNS = (Steal.MOST_URGENT, Steal.LONGER)
OUTPUT_WEIGHTS = (0.0, 1.0, 4.0, 16.0)

Value = TypeVar("Value", int, float)
Variants = Callable[[Engine], list[Engine]]
Move = Callable[[Candidate], list[Candidate]]
"""From a fleet to those that differ from it in one setting."""


def moves(design: Design, hardware: Hardware) -> list[Move]:
    """Every setting that a design of this kind has. Lanes that share a queue's rules change theirs together."""
    of_worker, shared = _worker(design.dispatch), not design.own_rules
    found: list[Move] = []
    for index in range(len(design.lanes)):
        own = _ENGINE if shared else (*_ENGINE, *of_worker)
        found += [_of_lane(index, variants, hardware) for variants in own]
    if shared:
        found += [_of_all_lanes(variants) for variants in of_worker]
    return [*found, _dispatches, _splits, _boundaries]


def _worker(dispatch: Dispatch) -> tuple[Variants, ...]:
    """Settings of the workers. Those of today pull first in, first out, by KV credit alone."""
    if isinstance(dispatch, Push):
        return ()
    return (_overcommits,) if dispatch.order is Order.FIFO else (_prefill_caps, _overcommits)


def startable(engine: Engine, hardware: Hardware) -> bool:
    """Whether vLLM would start with it."""
    try:
        limits(engine, hardware)
    except LimitsError:
        return False
    return True


def with_step_budget(engine: Engine, tokens: int) -> Engine:
    """Another step budget, with the largest prefill chunk in the same proportion to it."""
    chunk = engine.long_prefill_token_threshold * tokens // engine.max_num_batched_tokens
    return replace(
        engine,
        max_num_batched_tokens=tokens,
        long_prefill_token_threshold=chunk,
        max_num_seqs=min(engine.max_num_seqs, tokens),
    )


def _near(ladder: Sequence[Value], value: Value, rungs: int) -> list[Value]:
    """The rungs around a value, without it: from the nearest outwards."""
    place = int(np.argmin(np.abs(np.asarray(ladder, dtype=np.float64) - value)))
    around = [0, *(step for rung in range(1, rungs + 1) for step in (-rung, rung))]
    found: list[Value] = []
    for step in around:
        if 0 <= place + step < len(ladder) and ladder[place + step] != value:
            found.append(ladder[place + step])
    return found


def _step_budgets(engine: Engine) -> list[Engine]:
    return [with_step_budget(engine, tokens) for tokens in _near(STEP_BUDGETS, engine.max_num_batched_tokens, 2)]


def _chunks(engine: Engine) -> list[Engine]:
    chunks = [engine.max_num_batched_tokens // divisor if divisor else 0 for divisor in CHUNK_DIVISORS]
    return [
        replace(engine, long_prefill_token_threshold=chunk)
        for chunk in chunks
        if chunk != engine.long_prefill_token_threshold
    ]


def _sequences(engine: Engine) -> list[Engine]:
    return [replace(engine, max_num_seqs=count) for count in _near(SEQUENCES, engine.max_num_seqs, 2)]


def _prefill_caps(engine: Engine) -> list[Engine]:
    return [replace(engine, prefill_cap=cap) for cap in _near(PREFILL_CAPS, engine.prefill_cap, 2)]


def _overcommits(engine: Engine) -> list[Engine]:
    return [replace(engine, kv_overcommit=factor) for factor in _near(OVERCOMMITS, engine.kv_overcommit, 1)]


_ENGINE: tuple[Variants, ...] = (_step_budgets, _chunks, _sequences)


def _of_lane(index: int, variants: Variants, hardware: Hardware) -> Move:
    def move(of: Candidate) -> list[Candidate]:
        engines = variants(of.design.lanes[index].engine)
        found = [of.design.with_engine(index, engine) for engine in engines if startable(engine, hardware)]
        return [replace(of, design=design) for design in found]

    return move


def _of_all_lanes(variants: Variants) -> Move:
    def move(of: Candidate) -> list[Candidate]:
        engines = variants(of.design.lanes[0].engine)
        return [replace(of, design=sharing(of.design, engine)) for engine in engines]

    return move


def sharing(design: Design, rules: Engine) -> Design:
    """The design with one engine's `kv_overcommit` and `prefill_cap` in all lanes."""
    for index, lane in enumerate(design.lanes):
        same = replace(lane.engine, kv_overcommit=rules.kv_overcommit, prefill_cap=rules.prefill_cap)
        design = design.with_engine(index, same)
    return design


def _dispatches(of: Candidate) -> list[Candidate]:
    rule = of.design.dispatch
    found: list[Dispatch] = []
    if isinstance(rule, Push) and rule.rule is PushRule.LEAST_WORK:
        found = [replace(rule, output_weight=weight) for weight in _near(OUTPUT_WEIGHTS, rule.output_weight, 1)]
    elif isinstance(rule, Pull) and rule.order is Order.DEADLINE:
        found = [replace(rule, late_last=not rule.late_last)]
    elif isinstance(rule, Pull) and rule.steal in _BY_TURNS:
        found = [replace(rule, steal=steal) for steal in _BY_TURNS if steal is not rule.steal]
        if rule.steal is Steal.LONGER:
            found += [replace(rule, help_tokens=tokens) for tokens in HELP_TOKENS if tokens != rule.help_tokens]
    return [replace(of, design=replace(of.design, dispatch=changed)) for changed in found]


def _splits(of: Candidate) -> list[Candidate]:
    """One replica more in a lane, one less in another."""
    lanes = range(len(of.replicas))
    found = []
    for giver, taker in ((giver, taker) for giver in lanes for taker in lanes if giver != taker):
        counts = list(of.replicas)
        counts[giver] -= 1
        counts[taker] += 1
        if counts[giver]:
            found.append(replace(of, replicas=tuple(counts)))
    return found


def _boundaries(of: Candidate) -> list[Candidate]:
    """One of the boundaries one rung down or up, still above the one before and below the next."""
    found = []
    for index, (above, up_to) in enumerate(of.design.bounds()[:-1]):
        after = of.design.lanes[index + 1].up_to_tokens
        for rung in _near(LADDER, up_to or 0, 1):
            if above < rung and (after is None or rung < after):
                lanes = list(of.design.lanes)
                lanes[index] = replace(lanes[index], up_to_tokens=rung)
                found.append(replace(of, design=replace(of.design, lanes=tuple(lanes))))
    return found
