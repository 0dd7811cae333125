"""Engines to simulate, as data: step costs and vLLM's default limits on that hardware.

All but `laptop-instant` are derived from data sheets, not measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.datasheets import Device, Model, kv_blocks, step_cost
from tokenlane_fleet.errors import UnknownProfileError
from tokenlane_fleet.limits import SchedulerLimits


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    cost: StepCost
    limits: SchedulerLimits


# NVIDIA's data sheets: H100 SXM 989 TFLOPS bf16 dense, 3.35 TB/s, 80 GB; A100 SXM 312 TFLOPS, 2.039 TB/s, 80 GB.
_H100 = Device(flops=989e12, bandwidth=3.35e12, memory=80e9)
_A100 = Device(flops=312e12, bandwidth=2.039e12, memory=80e9)

# Meta's model cards: Llama 3.1, context 131,072.
_LLAMA3_8B = Model(parameters=8.03e9, layers=32, heads=32, kv_heads=8, head_dim=128)
_LLAMA3_70B = Model(parameters=70.6e9, layers=80, heads=64, kv_heads=8, head_dim=128)
_LLAMA3_CONTEXT = 131_072
_BLOCK_SIZE = 16

# vLLM's defaults of `vllm serve`: (max_num_seqs, max_num_batched_tokens).
_LARGE_GPU = (1024, 8192)
_OTHER_GPU = (256, 2048)


def _derived(name: str, model: Model, device: Device, gpus: int, defaults: tuple[int, int]) -> Profile:
    max_num_seqs, max_num_batched_tokens = defaults
    limits = SchedulerLimits(
        num_blocks=kv_blocks(model, device, gpus, _BLOCK_SIZE),
        block_size=_BLOCK_SIZE,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        max_model_len=_LLAMA3_CONTEXT,
    )
    return Profile(name, step_cost(model, device, gpus), limits)


def _instant() -> Profile:
    """No time at all: for tests, and for load on everything around the engine. 65,536 tokens of KV."""
    limits = SchedulerLimits(
        num_blocks=4097, block_size=16, max_num_seqs=256, max_num_batched_tokens=8192, max_model_len=32_768
    )
    return Profile("laptop-instant", StepCost(0, 0, 0, 0, 0, 0), limits)


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            _instant(),
            _derived("h100-llama3-8b", _LLAMA3_8B, _H100, 1, _LARGE_GPU),
            _derived("h100-llama3-70b-tp4", _LLAMA3_70B, _H100, 4, _LARGE_GPU),
            _derived("a100-llama3-70b-tp4", _LLAMA3_70B, _A100, 4, _OTHER_GPU),
        )
    }
)


def find_profile(name: str) -> Profile:
    """Raises UnknownProfileError."""
    profile = PROFILES.get(name)
    if profile is None:
        raise UnknownProfileError(f"unknown profile {name!r}; there are: {', '.join(sorted(PROFILES))}")
    return profile
