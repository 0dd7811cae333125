"""How long a step takes: a roofline with constant terms.

A step reads every weight once or is bound by arithmetic, whichever is longer; attention comes on top: reading the KV
cache of every scheduled sequence, and the query-key products of prefill chunks.
"""

from dataclasses import dataclass

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
        if not batch.num_seqs:
            return 0.0
        return (
            self.overhead_s
            + max(self.weights_s, self.per_token_s * batch.tokens)
            + self.per_sequence_s * batch.num_seqs
            + self.per_context_token_s * batch.context_tokens
            + self.per_attention_pair_s * batch.attention_pairs
        )
