"""The settings of an engine's scheduler that suit a model on a device: a rule on step times, and why each number is so.

vLLM's defaults fill a GPU for batch work. Where answers are read as they come, what counts is the longest step beside
which a running answer still gets its tokens in time. The shares below were chosen by simulated goodput on three pairs
of model and device (docs/tuning.md); step times come from data sheets unless `Hardware` was measured.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.outcome import Batch

TPOT_S = 0.08
"""Most time a token, where nobody says otherwise. Unit: seconds."""

# Of the limit: what attention of prompts may take in a step, and of a chunk so deep in a prompt.
_ATTENTION_SHARE = 1 / 6
_CUT_SHARE, _CUT_DEPTH = 1 / 3, 32_768
# Of a step: what one prompt gets beside others, at least and at most.
_LEAST_CHUNK_SHARE, _CHUNK_SHARE = 1 / 4, 3 / 4
# What running answers have read in each step, as in the simulation; less where the KV cache does not hold twice that.
_READ_TOKENS = 131_072
_MOST_SEQS, _LEAST_SEQS, _SEQS_STEP = 256, 8, 8
_SHORT_REQUEST = 512
_LEAST_STEP, _TOKENS_STEP = 256, 32


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A number and why it is that."""

    value: int
    why: str


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Under vLLM's names; `vllm serve` starts with them. A `long_prefill_token_threshold` of 0 is off."""

    max_num_seqs: Reasoned
    max_num_batched_tokens: Reasoned
    long_prefill_token_threshold: Reasoned


def engine_settings(hardware: Hardware, tpot_s: float = TPOT_S) -> EngineSettings:
    """With which a running answer gets its next token within `tpot_s` on average, whatever prompts are read beside it,
    as far as the device can."""
    step = step_budget(hardware, tpot_s)
    return EngineSettings(_sequences(hardware, tpot_s, step.value), step, chunk_cut(hardware, tpot_s, step.value))


def step_budget(hardware: Hardware, tpot_s: float) -> Reasoned:
    """`max_num_batched_tokens`: as many prompt tokens as a step computes in time."""
    cost, most = hardware.cost, hardware.default_max_num_batched_tokens
    fixed_s = cost.overhead_s + cost.per_context_token_s * min(_READ_TOKENS, hardware.kv_tokens // 2)
    least = min(most, max(_LEAST_STEP, _up(_fitting(cost.weights_s, cost.per_token_s, most))))
    found = _down(_fitting(tpot_s * (1 - _ATTENTION_SHARE) - fixed_s, cost.per_token_s, most))
    step = f"a full step takes {_ms(fixed_s + cost.per_token_s * max(least, min(found, most)))}"
    if found < least:
        return Reasoned(least, f"{step} of {_ms(tpot_s)} a token; smaller ones would read the weights for less work")
    if found >= most:
        return Reasoned(most, f"{step} of {_ms(tpot_s)} a token; as many as vLLM takes on this device")
    return Reasoned(found, f"{step}; the rest of {_ms(tpot_s)} a token is for attention to long prompts")


def chunk_cut(hardware: Hardware, tpot_s: float, step_tokens: int) -> Reasoned:
    """`long_prefill_token_threshold`: what one long prompt gets of a step while others are there."""
    least, most = _down(int(step_tokens * _LEAST_CHUNK_SHARE)), _down(int(step_tokens * _CHUNK_SHARE))
    depth = min(_CUT_DEPTH, hardware.max_model_len)
    deep_s = hardware.cost.per_attention_pair_s * depth
    found = max(_TOKENS_STEP, least, min(most, _down(_fitting(tpot_s * _CUT_SHARE, deep_s, step_tokens))))
    if found >= hardware.max_model_len:
        return Reasoned(0, f"off: no prompt is longer than {hardware.max_model_len:,} tokens")
    if found == most:
        return Reasoned(found, "three quarters of a step: beside a long prompt others begin in each")
    attention = f"{depth:,} tokens deep, its attention takes {_ms(deep_s * found)} of a step"
    if found == least:
        return Reasoned(found, f"a quarter of a step: {attention}; less would hold long prompts up for too many steps")
    return Reasoned(found, f"{attention}, a third of {_ms(tpot_s)} a token")


def _sequences(hardware: Hardware, tpot_s: float, step_tokens: int) -> Reasoned:
    by_memory = hardware.kv_tokens // (_SHORT_REQUEST + hardware.state_tokens)
    most = min(_MOST_SEQS, hardware.default_max_num_seqs, step_tokens)
    bound = max(min(_LEAST_SEQS, most), min(by_memory, most) // _SEQS_STEP * _SEQS_STEP)
    found = _longest(bound, lambda seqs: _decode_s(hardware, seqs) <= tpot_s)
    step = f"a step of {found} answers takes {_ms(_decode_s(hardware, found))}"
    if found < bound and _decode_s(hardware, found) <= tpot_s:
        return Reasoned(found, f"{step}; more would be over {_ms(tpot_s)} a token")
    if found < bound:
        return Reasoned(bound, f"even {step}, over {_ms(tpot_s)} a token: fewer would cost throughput alone")
    if by_memory < most:
        return Reasoned(found, f"the KV cache of {hardware.kv_tokens:,} tokens holds so many of {_SHORT_REQUEST}")
    return Reasoned(found, f"{step}; more gained nothing in simulation, and would wait in the engine, not in the queue")


def _longest(most: int, in_time: Callable[[int], bool]) -> int:
    least = min(most, _LEAST_SEQS)
    return next((seqs for seqs in range(most, least, -_SEQS_STEP) if in_time(seqs)), least)


def _decode_s(hardware: Hardware, seqs: int) -> float:
    return hardware.cost.seconds(Batch(0, seqs, seqs, seqs * _SHORT_REQUEST, 0))


def _fitting(seconds: float, each_s: float, most: int) -> int:
    """How many fit; `most` at most."""
    if seconds <= 0:
        return 0
    return most if each_s * most <= seconds else int(seconds / each_s)


def _down(tokens: int) -> int:
    return tokens // _TOKENS_STEP * _TOKENS_STEP


def _up(tokens: int) -> int:
    return -(-tokens // _TOKENS_STEP) * _TOKENS_STEP


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"
