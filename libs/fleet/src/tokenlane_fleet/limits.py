"""What bounds an engine's batch, under vLLM's names."""

from dataclasses import dataclass

from tokenlane_fleet.errors import LimitsError


@dataclass(frozen=True, slots=True)
class SchedulerLimits:
    """The settings of one engine. Raises LimitsError where vLLM would refuse to start.

    `num_blocks` counts the reserved block too. `long_prefill_token_threshold` 0 means no cap on a prefill chunk.
    `reserve_full_prompt` is vLLM's `scheduler_reserve_full_isl`: a request is admitted only when its whole prompt
    fits, not just its first chunk. `watermark` is the fraction of blocks kept free when admitting beside others.
    """

    num_blocks: int
    block_size: int
    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    long_prefill_token_threshold: int = 0
    reserve_full_prompt: bool = True
    watermark: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_blocks", "block_size", "max_num_seqs", "max_num_batched_tokens", "max_model_len"):
            if getattr(self, name) < 1:
                raise LimitsError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.long_prefill_token_threshold < 0:
            raise LimitsError(f"long_prefill_token_threshold must not be negative: {self.long_prefill_token_threshold}")
        if not 0 <= self.watermark < 1:
            raise LimitsError(f"watermark must be in [0, 1), got {self.watermark}")
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise LimitsError(
                f"max_num_batched_tokens ({self.max_num_batched_tokens}) must be at least "
                f"max_num_seqs ({self.max_num_seqs})"
            )
        if self.kv_capacity_tokens < self.max_model_len:
            raise LimitsError(
                f"max_model_len ({self.max_model_len}) exceeds the KV cache of {self.kv_capacity_tokens} tokens: "
                "raise num_blocks or lower max_model_len"
            )

    @property
    def usable_blocks(self) -> int:
        """One block is the null block and never holds a sequence."""
        return self.num_blocks - 1

    @property
    def kv_capacity_tokens(self) -> int:
        return self.usable_blocks * self.block_size

    @property
    def watermark_blocks(self) -> int:
        return int(self.watermark * self.num_blocks)
