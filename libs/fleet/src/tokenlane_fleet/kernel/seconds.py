"""How long a step takes: a roofline with constant terms.

A step reads every weight once or is bound by arithmetic, whichever is longer; attention comes on top: reading the KV
cache of every scheduled sequence, and the query-key products of prefill chunks.
"""

from tokenlane_fleet.kernel.state import Cost


def seconds(
    cost: Cost, prefill_tokens: int, decode_seqs: int, num_seqs: int, context_tokens: int, attention_pairs: int
) -> float:
    """The duration of a step; 0 for an empty one."""
    if num_seqs == 0:
        return 0.0
    return (
        cost.overhead_s
        + max(cost.weights_s, cost.per_token_s * (prefill_tokens + decode_seqs))
        + cost.per_sequence_s * num_seqs
        + cost.per_context_token_s * context_tokens
        + cost.per_attention_pair_s * attention_pairs
    )
