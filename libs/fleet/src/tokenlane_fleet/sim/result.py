"""What a simulated fleet did, by request and by pool."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenlane_fleet.sim.trace import Seconds, Tokens, Trace


@dataclass(frozen=True, eq=False)
class PoolTotals:
    """Counted over the run. `busy_s` is engine time in steps, `replica_s` time that replicas were held (starting and
    draining included), both summed over replicas; `peak_kv` is the largest fraction of KV blocks in use in one
    replica. `prompt_tokens` counts recomputation too."""

    name: str
    steps: int
    preemptions: int
    busy_s: float
    replica_s: float
    peak_kv: float
    prompt_tokens: int
    generation_tokens: int


@dataclass(frozen=True, eq=False)
class Result:
    """Arrays are by request of `trace`. A rejected request (no engine's context holds its prompt) has pool -1 and nan
    times. `pool` is where it finished. `first_token_s` and `finished_s` are times of the trace's clock."""

    trace: Trace
    pool: NDArray[np.int32]
    first_token_s: Seconds
    finished_s: Seconds
    preempted: NDArray[np.int32]
    moved: NDArray[np.bool_]
    pools: tuple[PoolTotals, ...]
    ended_s: float

    @property
    def rejected(self) -> NDArray[np.bool_]:
        return self.pool < 0

    @property
    def ttft_s(self) -> Seconds:
        """Arrival to first token; nan where rejected."""
        return self.first_token_s - self.trace.arrival_s

    @property
    def tpot_s(self) -> Seconds:
        """Mean time of an output token after the first; 0 for one token, nan where rejected."""
        after_first: Tokens = np.maximum(self.trace.output_tokens - 1, 1)
        return (self.finished_s - self.first_token_s) / after_first

    @property
    def preemptions(self) -> int:
        return sum(pool.preemptions for pool in self.pools)
