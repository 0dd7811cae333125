"""KV credit: how much more an engine can hold, and so how much to pull.

The worker counts what it runs by token budgets itself; scraped gauges lag by seconds. Waiting happens on the bus, where
it can be ordered and counted, so nothing is pulled that does not fit, save one request too large for what is left: it
is held until it fits, and nothing is pulled meanwhile.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one engine holds. `tokens`: KV tokens, over-commitment included. `largest`: most tokens of one sequence."""

    tokens: int
    sequences: int
    largest: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request takes at most. Unit of `tokens`: KV tokens over all its sequences."""

    tokens: int
    sequences: int


NOTHING = Cost(0, 0)


def cost_of(prompt_tokens: int, output_tokens: int, choices: int, capacity: Capacity) -> Cost:
    """Cost of a request by its budget; `output_tokens` over all choices, which share the prompt."""
    sequences = max(1, choices)
    return Cost(min(prompt_tokens + output_tokens, sequences * capacity.largest), sequences)


def grown(cost: Cost, tokens: int, capacity: Capacity) -> Cost:
    """The cost of a request that turns out to take `tokens`; never less than it was."""
    return Cost(max(cost.tokens, min(tokens, cost.sequences * capacity.largest)), cost.sequences)


def plus(load: Cost, cost: Cost) -> Cost:
    """The load with one more request."""
    return Cost(load.tokens + cost.tokens, load.sequences + cost.sequences)


def minus(load: Cost, cost: Cost) -> Cost:
    """The load with one request less."""
    return Cost(load.tokens - cost.tokens, load.sequences - cost.sequences)


def left(capacity: Capacity, load: Cost) -> Cost:
    """What of the capacity is free."""
    return Cost(max(0, capacity.tokens - load.tokens), max(0, capacity.sequences - load.sequences))


def fits(capacity: Capacity, load: Cost, cost: Cost) -> bool:
    """Whether the engine holds `cost` on top of `load`. An idle one takes anything: it preempts or refuses itself."""
    if load.sequences == 0:
        return True
    after = plus(load, cost)
    return after.tokens <= capacity.tokens and after.sequences <= capacity.sequences


def spare(capacity: Capacity) -> Capacity:
    """What may be filled with less urgent requests, so that an urgent one begins at once."""
    return Capacity(capacity.tokens * 7 // 8, capacity.sequences - capacity.sequences // 8, capacity.largest)


def borrow_target(capacity: Capacity, load: Cost, need: int) -> int:
    """How many requests of other lanes may be on their way: one, where one of `need` tokens certainly fits."""
    limit = spare(capacity)
    return int(fits(limit, load, Cost(min(need, limit.tokens), 1)))


def pull_target(capacity: Capacity, load: Cost) -> int:
    """How many requests may be on their way while none is held back: as many as fit whatever their size, and one as
    long as there is any room."""
    free, slots = capacity.tokens - load.tokens, capacity.sequences - load.sequences
    if free <= 0 or slots <= 0:
        return 0
    return max(1, min(slots, free // capacity.largest))
