"""A fleet and a trace as records, and back as results."""

from dataclasses import fields
from typing import TypeVar

import numpy as np

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.kernel.seconds import seconds
from tokenlane_fleet.kernel.state import NOBODY
from tokenlane_fleet.limits import SchedulerLimits
from tokenlane_fleet.sim.fleet import Fleet, Pool, Pull, Push
from tokenlane_fleet.sim.records import (
    CLOCK,
    COST,
    LIMITS,
    NEVER,
    POOL,
    REPLICA,
    RULES,
    SEQUENCE,
    Phase,
    Records,
    World,
)
from tokenlane_fleet.sim.trace import Seconds, Tokens, Trace
from tokenlane_fleet.urgency import prompt_token_s

Value = TypeVar("Value", int, float)
_ANY_BUDGET = np.iinfo(np.int64).max


def build(trace: Trace, fleet: Fleet, budgets: Tokens, ttft_limit_s: Seconds, slots: tuple[int, ...]) -> World:
    """`slots`: places for replicas of each pool; the first `Pool.replicas` of them are there at the start."""
    replicas = _replicas(fleet, slots, float(trace.arrival_s[0]))
    widest = max(pool.limits.max_num_seqs for pool in fleet.pools)
    queues = (len(fleet.pools), len(trace) if isinstance(fleet.dispatch, Pull) else 1)
    leaves = 1 << (len(replicas) - 1).bit_length()
    clock = np.zeros(1, CLOCK)
    clock["now_s"] = trace.arrival_s[0]
    return World(
        sequences=_sequences(trace, budgets, ttft_limit_s),
        replicas=replicas,
        pools=_pools(fleet, slots),
        limits=_rows(LIMITS, [pool.limits for pool in fleet.pools]),
        costs=_rows(COST, [pool.cost for pool in fleet.pools]),
        rules=_rules(fleet),
        clock=clock,
        due_s=np.full(leaves, NEVER),
        # At first everybody rests, and the first one below each node is the leftmost.
        soonest=np.array(
            [0] + [(node << (leaves.bit_length() - node.bit_length())) - leaves for node in range(1, 2 * leaves)]
        ),
        running=np.zeros((len(replicas), widest), np.int64),
        finished=np.zeros((len(replicas), widest), np.int64),
        scratch=np.zeros((4, widest), np.int64),
        queue_keys=np.zeros(queues),
        queue_items=np.zeros(queues, np.int64),
    )


def _sequences(trace: Trace, budgets: Tokens, ttft_limit_s: Seconds) -> Records:
    rows = np.zeros(len(trace), SEQUENCE)
    rows["prompt_tokens"] = rows["total"] = trace.prompt_tokens
    rows["stop"] = trace.total_tokens
    rows["budget"] = budgets
    rows["work_left"] = np.maximum(budgets - trace.prompt_tokens, 1)
    rows["before"] = rows["after"] = NOBODY
    rows["arrival_s"] = trace.arrival_s
    rows["limit_s"] = ttft_limit_s
    rows["first_token_s"] = rows["finished_s"] = np.nan
    return rows


def _replicas(fleet: Fleet, slots: tuple[int, ...], now_s: float) -> Records:
    rows = np.zeros(sum(slots), REPLICA)
    rows["first_waiting"] = rows["last_waiting"] = NOBODY
    rows["since_s"] = now_s
    start = 0
    for number, (pool, places) in enumerate(zip(fleet.pools, slots, strict=True)):
        mine = rows[start : start + places]
        mine["pool"] = number
        mine["free_blocks"] = mine["fewest_free"] = pool.limits.usable_blocks
        mine["phase"] = np.where(np.arange(places) < pool.replicas, Phase.ACTIVE, Phase.OFF)
        start += places
    return rows


def _pools(fleet: Fleet, slots: tuple[int, ...]) -> Records:
    rows = np.zeros(len(fleet.pools), POOL)
    rows["end"] = np.cumsum(slots)
    rows["first"] = rows["end"] - slots
    rows["up_to_tokens"] = [_ANY_BUDGET if pool.up_to_tokens is None else pool.up_to_tokens for pool in fleet.pools]
    rows["max_model_len"] = [pool.limits.max_model_len for pool in fleet.pools]
    rows["max_num_seqs"] = [pool.limits.max_num_seqs for pool in fleet.pools]
    if isinstance(fleet.dispatch, Push):
        rows["credit"] = _ANY_BUDGET
        return rows
    rows["credit"] = [_credit(pool, fleet.dispatch) for pool in fleet.pools]
    rows["prefill_cap"] = [_of(pool.prefill_cap, fleet.dispatch.prefill_cap) for pool in fleet.pools]
    rows["prompt_token_s"] = [_prompt_token_s(pool, fleet.dispatch) for pool in fleet.pools]
    return rows


def _credit(pool: Pool, rules: Pull) -> int:
    return int(min(_of(pool.overcommit, rules.overcommit) * pool.limits.kv_capacity_tokens, 2.0**62))


def _of(own: Value | None, shared: Value) -> Value:
    return shared if own is None else own


def _prompt_token_s(pool: Pool, rules: Pull) -> float:
    cost, limits = pool.cost, pool.limits
    if not rules.chunked_prefill:
        return cost.per_token_s
    tokens = limits.max_num_batched_tokens
    return prompt_token_s(seconds(cost, tokens, 0, 1, 0, 0), tokens, limits.long_prefill_token_threshold)


def _rows(kind: np.dtype[np.void], values: list[SchedulerLimits] | list[StepCost]) -> Records:
    names = kind.names or ()
    return np.array([tuple(getattr(value, name) for name in names) for value in values], kind)


def _rules(fleet: Fleet) -> Records:
    rules = np.zeros(1, RULES)
    dispatch = fleet.dispatch
    rules["push"] = isinstance(dispatch, Push)
    for field in fields(dispatch):
        if field.name in (RULES.names or ()):
            rules[field.name] = getattr(dispatch, field.name)
    rules["transit_s"] = fleet.transit_s
    return rules
