"""How long a step takes, as data."""

from dataclasses import dataclass

from tokenlane_fleet.kernel.seconds import seconds
from tokenlane_fleet.outcome import Batch


@dataclass(frozen=True, slots=True)
class StepCost:
    """Seconds, each term by what it is multiplied with.

    `overhead_s` a step (launches, scheduling, tensor-parallel latency); `weights_s` the least time of a step that has
    any token; `per_token_s` arithmetic a token; `per_sequence_s` sampling and bookkeeping a scheduled sequence;
    `per_context_token_s` KV read a context token; `per_attention_pair_s` prefill attention a query-key pair.
    """

    overhead_s: float
    weights_s: float
    per_token_s: float
    per_sequence_s: float
    per_context_token_s: float
    per_attention_pair_s: float

    def seconds(self, batch: Batch) -> float:
        """The duration of a step with this batch; 0 for an empty one."""
        return seconds(
            self,
            batch.prefill_tokens,
            batch.decode_seqs,
            batch.num_seqs,
            batch.context_tokens,
            batch.attention_pairs,
        )
