"""KV credit: how much more an engine can hold, and so how much to pull.

The worker counts what it runs by token budgets itself; scraped gauges lag by seconds. Waiting happens on the bus, where
it can be ordered and counted, so nothing is pulled that does not fit, save what turns out too large for what is left:
it is held until it fits, and nothing is pulled meanwhile. What a request counts for is `tokenlane_fleet.urgency`'s.
"""

from dataclasses import dataclass

from tokenlane_fleet.urgency import counted

# Weight of the latest request against those before it.
_FORGETTING = 0.1


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
    return Cost(min(counted(prompt_tokens, output_tokens), sequences * capacity.largest), sequences)


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


def pull_target(capacity: Capacity, load: Cost, most: int = 0, usual: int = 0) -> int:
    """How many requests may be on their way while none is held back: as many as fit if none takes more than `most`
    tokens (0: whatever their size), and one where a `usual` one fits. What does not fit is held, and other workers that
    have room cannot have it."""
    free, slots = capacity.tokens - load.tokens, capacity.sequences - load.sequences
    if free <= 0 or slots <= 0 or (load.sequences and free < usual):
        return 0
    return max(1, min(slots, free // (most or capacity.largest)))


class Sizes:
    """What requests of each lane take: nearly the most of those that came lately, and what one takes on average."""

    def __init__(self) -> None:
        self._most: dict[str, float] = {}
        self._mean: dict[str, float] = {}

    def seen(self, lane: str, cost: Cost, shared: int = 0) -> None:
        """One of a lane came, of which `shared` tokens are there already. A larger one counts at once, and is forgotten
        slowly."""
        self._most[lane] = max(cost.tokens, _moved(self._most.get(lane, 0.0), cost.tokens))
        more = cost.tokens - shared
        self._mean[lane] = _moved(self._mean.get(lane, more), more)

    def most(self, lane: str) -> int:
        """Tokens that one of a lane takes; 0 as long as none came."""
        return round(self._most.get(lane, 0.0))

    def usual(self, lane: str) -> int:
        """Tokens that one takes on average, less what others hold of them; 0 as long as none came."""
        return round(self._mean.get(lane, 0.0))


def _moved(known: float, tokens: int) -> float:
    return known + _FORGETTING * (tokens - known)
