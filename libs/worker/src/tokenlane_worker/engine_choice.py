"""Which settings an engine starts with: what somebody asked for, else what suits model and GPU, else the lane's own.

Decides on plain values; what model and GPU there are is found out elsewhere (`engine.hardware`).
"""

from dataclasses import dataclass, replace

from tokenlane_fleet.hardware.engine_settings import EngineSettings, Reasoned, chunk_cut, engine_settings
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_worker.lane import Lane


@dataclass(frozen=True, slots=True)
class Asked:
    """What whoever runs the worker asked for; None: nothing."""

    max_num_seqs: Reasoned | None = None
    max_num_batched_tokens: Reasoned | None = None
    long_prefill_token_threshold: Reasoned | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The settings, and what they go by, in words."""

    settings: EngineSettings
    basis: str


def for_hardware(hardware: Hardware, tpot_s: float, asked: Asked) -> Choice:
    """By model and GPU. A long prompt's part follows the step's tokens that were asked for."""
    settings = engine_settings(hardware, tpot_s)
    if asked.max_num_batched_tokens is not None:
        cut = chunk_cut(hardware, tpot_s, asked.max_num_batched_tokens.value)
        settings = replace(settings, long_prefill_token_threshold=cut)
    engine = f"{hardware.model} on {hardware.tensor_parallel} x {hardware.gpu}"
    return Choice(_settled(settings, asked), f"{engine}, {tpot_s * 1e3:g} ms a token; step times: {hardware.step_time}")


def for_lane(lane: Lane, why: str, asked: Asked) -> Choice:
    """By the lane alone, where `why` says what is not known. Nothing bounds a prompt's part of a step."""
    own = f"of the {lane.name} lane"
    settings = EngineSettings(
        Reasoned(lane.max_num_seqs, own), Reasoned(lane.max_num_batched_tokens, own), Reasoned(0, "off, as in vLLM")
    )
    return Choice(_settled(settings, asked), f"the lane alone: {why}")


def _settled(settings: EngineSettings, asked: Asked) -> EngineSettings:
    """What is asked for wins; vLLM refuses steps of fewer tokens than sequences, so what is not asked for gives way."""
    seqs = asked.max_num_seqs or settings.max_num_seqs
    step = asked.max_num_batched_tokens or settings.max_num_batched_tokens
    if step.value < seqs.value and asked.max_num_batched_tokens is None:
        step = Reasoned(seqs.value, "a token for each sequence")
    if step.value < seqs.value and asked.max_num_seqs is None:
        seqs = Reasoned(step.value, "no more than a step has tokens")
    return EngineSettings(seqs, step, asked.long_prefill_token_threshold or settings.long_prefill_token_threshold)
