"""KV credit: how much more an engine can hold, and so how much to pull.

The worker counts what it runs by token budgets itself; scraped gauges lag by seconds. Waiting happens on the bus, where
it can be ordered and counted, so nothing is pulled that does not fit, save what turns out too large for what is left:
it is held until it fits, and nothing is pulled meanwhile.

A sequence is counted with its prompt and two fifths of its output. On average it holds half of its output while it
runs, sequences that run together are seldom all at their ends, and a budget is more than most outputs take. Where they
come together the engine preempts; counted with all of their output they leave the cache emptier than it could be.
"""

from dataclasses import dataclass

# Weight of the latest request against larger ones before it.
_FORGETTING = 0.1
# Less room than this share of a request is none. What does not fit is held, and other workers cannot have it.
_SLIVER = 0.1


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one engine holds. `tokens`: KV tokens, over-commitment included. `largest`: most tokens of one sequence."""

    tokens: int
    sequences: int
    largest: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request is counted for. Unit of `tokens`: KV tokens over all its sequences."""

    tokens: int
    sequences: int


NOTHING = Cost(0, 0)


def cost_of(prompt_tokens: int, output_tokens: int, choices: int, capacity: Capacity) -> Cost:
    """Cost of a request by its budget; `output_tokens` over all choices, which share the prompt."""
    sequences = max(1, choices)
    return Cost(min(prompt_tokens + _held(output_tokens), sequences * capacity.largest), sequences)


def _held(output_tokens: int) -> int:
    """What is counted of an output."""
    return -(-2 * output_tokens // 5)


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
    """What may be filled with less urgent requests, so that an urgent one begins at once: what it lacks in tokens the
    engine has by preempting, in sequences it has to wait."""
    return Capacity(capacity.tokens * 15 // 16, capacity.sequences - capacity.sequences // 8, capacity.largest)


def borrow_target(capacity: Capacity, load: Cost, need: int) -> int:
    """How many requests of other lanes may be on their way: one, where one of `need` tokens certainly fits."""
    limit = spare(capacity)
    return int(fits(limit, load, Cost(min(need, limit.tokens), 1)))


def pull_target(capacity: Capacity, load: Cost, each: int = 0) -> int:
    """How many requests may be on their way while none is held back: as many as fit if none takes more than `each`
    tokens (0: whatever their size), and one as long as there is any room to speak of."""
    free, slots = capacity.tokens - load.tokens, capacity.sequences - load.sequences
    if free <= 0 or slots <= 0 or (load.sequences and free < _SLIVER * each):
        return 0
    return max(1, min(slots, free // (each or capacity.largest)))


class Sizes:
    """What requests of each lane take, nearly the most of those that came lately."""

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}

    def seen(self, lane: str, cost: Cost) -> None:
        """One of a lane came. A larger one counts at once, and is forgotten slowly."""
        known = self._tokens.get(lane, 0.0)
        self._tokens[lane] = max(cost.tokens, known + _FORGETTING * (cost.tokens - known))

    def of(self, lane: str) -> int:
        """Tokens that one of a lane takes; 0 as long as none came."""
        return round(self._tokens.get(lane, 0.0))
