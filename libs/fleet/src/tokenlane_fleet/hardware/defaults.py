"""What `vllm serve` 0.32 does without flags."""

from tokenlane_fleet.hardware.gpu import GIB, Gpu

GPU_MEMORY_UTILIZATION = 0.92
BLOCK_SIZE = 16


def batch_defaults(gpu: Gpu) -> tuple[int, int]:
    """(max_num_seqs, max_num_batched_tokens), by memory and name: EngineArgs.get_batch_defaults."""
    if gpu.memory >= 160 * GIB:
        return 1024, 16_384
    if gpu.memory >= 70 * GIB and not gpu.key.startswith("a100"):
        return 1024, 8192
    return 256, 2048
