"""The state of a simulated fleet: record arrays that the kernel and the fleet's rules change in place."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NEVER = np.inf

# What the kernel needs of a sequence, then what the fleet adds. Times in seconds of the trace's clock. `stop`: tokens
# at its true end (`end` is where this engine's context cuts it). `counted`: what KV credit counts of its budget.
# `work_left`: output tokens of its budget to come.
SEQUENCE = np.dtype(
    [(name, np.int64) for name in ("total", "computed", "slots", "end", "prompt_tokens", "blocks", "before", "after")]
    + [(name, np.int64) for name in ("preemptions", "stop", "budget", "counted", "work_left", "pool", "moved")]
    + [(name, np.float64) for name in ("arrival_s", "limit_s", "first_token_s", "finished_s")]
)

_KERNEL_ENGINE = (
    "free_blocks", "num_running", "num_waiting", "first_waiting", "last_waiting", "prefill_left", "budget",
    "num_scheduled", "num_admitted", "num_emitted", "num_finished", "num_preempted", "prefill_tokens", "decode_seqs",
    "context_tokens", "attention_pairs", "steps", "preemptions", "prompt_tokens", "generation_tokens",
)  # fmt: skip

# A replica is an engine and what its worker counts: `committed` budgets and `outstanding` requests it has, `taken` of
# its KV credit, `work_left` output tokens of them, `phase` (see Phase), `fewest_free` blocks ever, computed tokens of
# all prefills. `run_steps`: steps alike that are under way at once (see `kernel.run`), from `run_start_s` on; 0 while a
# step is by itself.
REPLICA = np.dtype(
    [(name, np.int64) for name in _KERNEL_ENGINE]
    + [(name, np.int64) for name in ("pool", "committed", "taken", "outstanding", "work_left", "phase", "fewest_free")]
    + [(name, np.int64) for name in ("computed_tokens", "run_steps", "run_context")]
    + [(name, np.float64) for name in ("busy_s", "since_s", "held_s", "run_start_s")]
)

# `prompt_token_s`: by which it is judged whether a request of this lane is late.
POOL = np.dtype(
    [(name, np.int64) for name in ("first", "end", "up_to_tokens", "max_model_len", "max_num_seqs", "credit")]
    + [(name, np.int64) for name in ("prefill_cap", "queued", "queued_tokens", "finished_tokens", "turn")]
    + [("prompt_token_s", np.float64)]
)

LIMITS = np.dtype(
    [(name, np.int64) for name in ("usable_blocks", "block_size", "max_num_seqs", "max_num_batched_tokens")]
    + [("long_prefill_token_threshold", np.int64), ("reserve_full_prompt", np.bool_), ("watermark_blocks", np.int64)]
)

COST = np.dtype(
    [(name, np.float64) for name in ("overhead_s", "weights_s", "per_token_s", "per_sequence_s")]
    + [(name, np.float64) for name in ("per_context_token_s", "per_attention_pair_s")]
)

RULES = np.dtype(
    [(name, np.int64) for name in ("push", "rule", "spill", "order", "late_last", "steal", "bind", "whole_prompts")]
    + [("help_tokens", np.int64)]
    + [(name, np.float64) for name in ("output_weight", "transit_s", "patience", "patience_s")]
)

CLOCK = np.dtype([("now_s", np.float64), ("next_arrival", np.int64)])

Records = NDArray[Any]


class Phase:
    """Of a replica: not there, there and pulling, finishing what it has, on its way."""

    OFF = 0
    ACTIVE = 1
    DRAINING = 2
    STARTING = 3


class Step(NamedTuple):
    """Rows that one step writes to; see `kernel.state.Step`."""

    scheduled: Records
    tokens: Records
    emitted: Records
    finished: Records
    preempted: Records


class World(NamedTuple):
    """Everything. `due_s` by replica: when its step ends, NEVER while it rests; padded to a power of two, and changed
    by `clock.set_due` alone, which keeps `soonest` in step. `queue_keys` and `queue_items` are a heap for each pool.
    `clock` and `rules` have one element, so that compiled code can change and read them."""

    sequences: Records
    replicas: Records
    pools: Records
    limits: Records
    costs: Records
    rules: Records
    clock: Records
    due_s: NDArray[np.float64]
    soonest: NDArray[np.int64]
    running: NDArray[np.int64]
    finished: NDArray[np.int64]
    scratch: NDArray[np.int64]
    queue_keys: NDArray[np.float64]
    queue_items: NDArray[np.int64]
