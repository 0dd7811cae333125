"""How many parameters a decoder has, by the sizes of its config.json."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes under the names of transformers; what a model does not have is 0. `full_layers` have attention over all
    tokens, `linear_layers` the other kind. `dense_layers` have one MLP, `expert_layers` a mixture."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    full_layers: int
    linear_layers: int
    dense_layers: int
    expert_layers: int
    intermediate: int
    experts: int
    experts_per_token: int
    expert_intermediate: int
    shared_intermediate: int
    gated_attention: bool
    q_rank: int
    kv_rank: int
    rope_dim: int
    nope_dim: int
    value_dim: int
    linear_key: int
    linear_value: int

    @property
    def embeddings(self) -> int:
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def routed(self) -> int:
        """In routed experts."""
        return self.expert_layers * self.experts * self._mlp(self.expert_intermediate)

    @property
    def parameters(self) -> int:
        """Without norms, biases and what is not the decoder, which are few."""
        attention = self.full_layers * (self._latent() if self.kv_rank else self._grouped())
        dense = self.dense_layers * self._mlp(self.intermediate)
        shared = self.expert_layers * (self._mlp(self.shared_intermediate) + self.hidden * self.experts)
        return self.embeddings + attention + self.linear_layers * self._linear() + dense + shared + self.routed

    @property
    def active(self) -> int:
        """Used by one token."""
        used = self.routed * self.experts_per_token // self.experts if self.experts else 0
        return self.parameters - self.routed + used

    def _mlp(self, width: int) -> int:
        return 3 * self.hidden * width

    def _grouped(self) -> int:
        queries = self.heads * self.head_dim * (2 if self.gated_attention else 1)
        return self.hidden * (queries + 2 * self.kv_heads * self.head_dim + self.heads * self.head_dim)

    def _latent(self) -> int:
        query_width = self.heads * (self.nope_dim + self.rope_dim)
        queries = self.q_rank * (self.hidden + query_width) if self.q_rank else self.hidden * query_width
        keys = self.hidden * (self.kv_rank + self.rope_dim)
        up = self.kv_rank * self.heads * (self.nope_dim + self.value_dim)
        return queries + keys + up + self.heads * self.value_dim * self.hidden

    def _linear(self) -> int:
        return self.hidden * (2 * self.linear_key + 3 * self.linear_value)
