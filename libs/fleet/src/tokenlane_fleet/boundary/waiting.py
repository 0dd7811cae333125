"""How long a first token takes in a lane, by a queueing model of prefills.

Decoding takes its share of an engine first; prompts queue for the rest. Requests go to the workers of a lane in turn,
so each sees every c-th arrival of a Poisson process: gaps of squared variation 1 / c. Mean wait of a single server:
Kingman, "The single server queue in heavy traffic" (Proc. Camb. Phil. Soc. 57, 1961). The wait of those who do wait is
taken as exponential.
"""

import math
from typing import NamedTuple

_SHORTEST_S = 1e-4
_LONGEST_S = 1e6


class Queue(NamedTuple):
    """A lane as short requests find it: their share of all short ones, the chance to wait, the mean wait of those who
    wait, and the time of their own prefill, in seconds."""

    share: float
    chance: float
    wait_s: float
    own_s: float


def mean_wait_s(rate: float, mean_s: float, square_s: float, servers: int) -> tuple[float, float]:
    """Chance to wait, and mean wait of all in seconds. `rate` requests a second, each served in `mean_s` on average and
    `square_s` in the mean of squares, by `servers`. (1, inf) where they are overloaded."""
    if rate <= 0 or mean_s <= 0:
        return 0.0, 0.0
    load = rate * mean_s / servers
    if load >= 1:
        return 1.0, math.inf
    variation = square_s / mean_s**2 - 1
    return load, load / (1 - load) * mean_s * (1 / servers + variation) / 2


def quantile_s(queues: list[Queue], quantile: float) -> float:
    """Time to first token that this share of the short requests keeps; inf where too many of them are in an overloaded
    lane, 0 where there are none."""
    missing = 1 - quantile
    if not any(queue.share for queue in queues):
        return 0.0
    if _later(queues, _LONGEST_S) > missing:
        return math.inf
    low, high = _SHORTEST_S, _LONGEST_S
    while high > low * 1.001:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _later(queues, middle) > missing else (low, middle)
    return high


def _later(queues: list[Queue], at_s: float) -> float:
    return sum(queue.share * _tail(queue, at_s - queue.own_s) for queue in queues if queue.share)


def _tail(queue: Queue, waits_s: float) -> float:
    if waits_s < 0:
        return 1.0
    if math.isinf(queue.wait_s):
        return 1.0
    return queue.chance * math.exp(-waits_s / queue.wait_s) if queue.wait_s > 0 else 0.0
