"""Small traces and fleets for tests."""

import numpy as np
from hypothesis import strategies as st

from tokenlane_fleet import SchedulerLimits, StepCost
from tokenlane_fleet.sim.fleet import Dispatch, Fleet, Pool, Pull
from tokenlane_fleet.sim.trace import Trace

COST = StepCost(
    overhead_s=0.002,
    weights_s=0.01,
    per_token_s=1e-4,
    per_sequence_s=1e-5,
    per_context_token_s=1e-7,
    per_attention_pair_s=1e-9,
)


def limits(
    num_blocks: int = 101,
    max_num_seqs: int = 8,
    max_num_batched_tokens: int = 64,
    max_model_len: int = 400,
    long_prefill_token_threshold: int = 0,
) -> SchedulerLimits:
    return SchedulerLimits(
        num_blocks=num_blocks,
        block_size=16,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        max_model_len=max_model_len,
        long_prefill_token_threshold=long_prefill_token_threshold,
    )


def trace(rows: list[tuple[float, int, int]]) -> Trace:
    """From (arrival, prompt, output)."""
    arrivals, prompts, outputs = zip(*sorted(rows), strict=True)
    return Trace("test", np.array(arrivals, float), np.array(prompts), np.array(outputs))


def pool(
    replicas: int = 1, name: str = "one", up_to_tokens: int | None = None, engine: SchedulerLimits | None = None
) -> Pool:
    return Pool(name, engine or limits(), COST, replicas, up_to_tokens)


def fleet(*pools: Pool, dispatch: Dispatch | None = None, transit_s: float = 0.0) -> Fleet:
    return Fleet(pools or (pool(),), dispatch or Pull(), transit_s)


ROWS = st.lists(
    st.tuples(st.floats(0, 3).map(lambda at: round(at, 2)), st.integers(1, 150), st.integers(1, 60)),
    min_size=1,
    max_size=40,
)
