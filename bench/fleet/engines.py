"""The engines that are simulated: the paper's, as its authors' simulator has it, and data sheets."""

from tokenlane_fleet import StepCost
from tokenlane_fleet.hardware.hardware import Hardware, derive
from tokenlane_fleet.plan.design import Design, Engine, one_pool
from tokenlane_fleet.plan.policies import FEWEST_REQUESTS, lanes

K = 1024
BOUNDARY = 8 * K
SHORT_CONTEXT, LONG_CONTEXT = 8 * K, 64 * K
SHORT_SEQS, LONG_SEQS = 128, 16

# vllm-sr-sim's A100_80GB ("Llama-3-70B calibration, 8-GPU TP"): a step takes W + H * sequences * (mean length / 8192),
# a sequence's prefill goes 512 tokens a step beside the others at no cost of its own, 65,536 blocks of 16 tokens.
AUTHORS = "the authors' simulator"
AUTHORS_W_S = 0.008
AUTHORS_H_S = 0.00065
AUTHORS_CALIBRATED_AT = 8192
AUTHORS_CHUNK = 512
AUTHORS_BLOCKS = 65_536
AUTHORS_PRICE = 2.21


def authors() -> Hardware:
    """The engine of the authors' simulator. Its arithmetic costs nothing, whatever the number of prompt tokens."""
    return Hardware(
        model="llama-3-70b",
        gpu="a100-80",
        tensor_parallel=1,
        cost=StepCost(
            overhead_s=AUTHORS_W_S,
            weights_s=0.0,
            per_token_s=0.0,
            per_sequence_s=0.0,
            per_context_token_s=AUTHORS_H_S / AUTHORS_CALIBRATED_AT,
            per_attention_pair_s=0.0,
        ),
        kv_tokens=AUTHORS_BLOCKS * 16,
        block_size=16,
        max_model_len=LONG_CONTEXT,
        default_max_num_seqs=LONG_SEQS,
        default_max_num_batched_tokens=LONG_SEQS * AUTHORS_CHUNK,
        price_per_gpu_hour=AUTHORS_PRICE,
        step_time=AUTHORS,
    )


def a100(linear: bool = False) -> Hardware:
    """Llama-3-70B on four A100s: two have no memory left for a 64K context beside its weights."""
    return derive("llama-3-70b", "a100-80", 4, linear=linear)


def h100(linear: bool = False) -> Hardware:
    """Llama-3-70B on four H100s."""
    return derive("llama-3-70b", "h100", 4, linear=linear)


def paper_engine(hardware: Hardware, context: int, seqs: int) -> Engine:
    """One of the paper's pools. On the authors' step times every sequence may prefill a chunk of 512 tokens in each
    step; elsewhere the step budget is vLLM's default for the GPU."""
    if hardware.step_time == AUTHORS:
        return Engine(context, seqs, seqs * AUTHORS_CHUNK, AUTHORS_CHUNK)
    return Engine(context, seqs, hardware.default_max_num_batched_tokens)


def paper_designs(hardware: Hardware) -> tuple[Design, Design]:
    """The paper's homogeneous pool and its two pools, both behind a shortest queue."""
    long = paper_engine(hardware, LONG_CONTEXT, LONG_SEQS)
    short = paper_engine(hardware, SHORT_CONTEXT, SHORT_SEQS)
    return one_pool(long, FEWEST_REQUESTS), lanes((BOUNDARY,), (short, long), FEWEST_REQUESTS)
