"""The records that the kernel changes, as protocols and as plain objects."""

from typing import Protocol

NOBODY = -1


class SequenceState(Protocol):
    """One request while it lives. `total` tokens are known (prompt and generated so far), `computed` of them are in the
    KV cache, which holds `slots` of them in `blocks` blocks. The next token comes out when `computed` reaches `total`,
    the last when `total` reaches `end`. `before` and `after` link it in the waiting queue."""

    prompt_tokens: int
    end: int
    total: int
    computed: int
    blocks: int
    slots: int
    before: int
    after: int
    preemptions: int


class EngineState(Protocol):
    """One engine's scheduler: its waiting queue's ends, its running sequences, and what its last step did.

    `prefill_left`: prompt tokens, and tokens to be recomputed, not yet computed of all sequences here.
    `prefill_tokens` to `attention_pairs` are as in `Batch`. Counters of the whole life stand at the end.
    """

    free_blocks: int
    num_running: int
    num_waiting: int
    first_waiting: int
    last_waiting: int
    prefill_left: int
    budget: int
    num_scheduled: int
    num_admitted: int
    num_emitted: int
    num_finished: int
    num_preempted: int
    prefill_tokens: int
    decode_seqs: int
    context_tokens: int
    attention_pairs: int
    steps: int
    preemptions: int
    prompt_tokens: int
    generation_tokens: int


class Limits(Protocol):
    """`SchedulerLimits`, as the kernel reads them."""

    @property
    def usable_blocks(self) -> int: ...
    @property
    def block_size(self) -> int: ...
    @property
    def max_num_seqs(self) -> int: ...
    @property
    def max_num_batched_tokens(self) -> int: ...
    @property
    def long_prefill_token_threshold(self) -> int: ...
    @property
    def reserve_full_prompt(self) -> bool: ...
    @property
    def watermark_blocks(self) -> int: ...


class Cost(Protocol):
    """`StepCost`, as the kernel reads it."""

    @property
    def overhead_s(self) -> float: ...
    @property
    def weights_s(self) -> float: ...
    @property
    def per_token_s(self) -> float: ...
    @property
    def per_sequence_s(self) -> float: ...
    @property
    def per_context_token_s(self) -> float: ...
    @property
    def per_attention_pair_s(self) -> float: ...


class Row(Protocol):
    """A list or an array of numbers."""

    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...


class Sequences(Protocol):
    """All sequences, by index."""

    def __getitem__(self, index: int, /) -> SequenceState: ...


class Step(Protocol):
    """What a step writes down, as indices of sequences in scheduling order; the engine counts how many of each.
    `tokens` is parallel to `scheduled`; the last `num_admitted` of those came from the waiting queue."""

    @property
    def scheduled(self) -> Row: ...
    @property
    def tokens(self) -> Row: ...
    @property
    def emitted(self) -> Row: ...
    @property
    def finished(self) -> Row: ...
    @property
    def preempted(self) -> Row: ...
