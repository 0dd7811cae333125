"""What one scheduler step did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batch:
    """The work in a step, as far as its duration depends on it.

    `prefill_tokens` belong to prompts (and to recomputation after a preemption), one token to each of the
    `decode_seqs`. `context_tokens` is the KV read: the sum, over all scheduled sequences, of their computed tokens at
    the end of the step. `attention_pairs` counts query-key pairs of the prefill: a chunk's tokens times the context
    each of them sees.
    """

    prefill_tokens: int
    decode_seqs: int
    num_seqs: int
    context_tokens: int
    attention_pairs: int

    @property
    def tokens(self) -> int:
        return self.prefill_tokens + self.decode_seqs


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """All lists hold request ids in scheduling order; `scheduled_tokens` is parallel to `scheduled`.

    `emitted` generated one token each; `finished` is the part of it that is done (its KV is free again).
    `admitted` came from the waiting queue in this step, `preempted` went back to it.
    """

    scheduled: list[int]
    scheduled_tokens: list[int]
    admitted: list[int]
    emitted: list[int]
    finished: list[int]
    preempted: list[int]
    batch: Batch


@dataclass(slots=True)
class Totals:
    """Counted since the scheduler was made. `prompt_tokens` counts a prompt once, when its first token comes out."""

    steps: int = 0
    preemptions: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
