"""What is to be said of an engine. Frozen values of plain types, and how they follow from data sheets or a profile."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.hardware.engine_settings import TPOT_S, EngineSettings, Reasoned, engine_settings
from tokenlane_fleet.hardware.hardware import Hardware, engine_flags
from tokenlane_fleet.hardware.memory import MemoryBudget
from tokenlane_fleet.limits import SchedulerLimits
from tokenlane_fleet.outcome import Batch

_LENGTHS = (1024, 4096, 16_384, 65_536)
_SEQUENCES = (1, 8, 32, 128, 512)
_CHUNKS = (512, 2048, 8192)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the requests that the engine is for."""

    prompt: int
    output: int

    @property
    def total(self) -> int:
        return self.prompt + self.output


@dataclass(frozen=True, slots=True)
class Held:
    """`sequences` of `tokens` each fit into the KV cache at a time."""

    tokens: int
    sequences: int


@dataclass(frozen=True, slots=True)
class DecodeStep:
    """A step in which `sequences` get one more token each, half of their answers behind them."""

    sequences: int
    seconds: float
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class PrefillStep:
    """A step that computes the first `tokens` of one prompt, and nothing else."""

    tokens: int
    seconds: float
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class Size:
    """`memory` None: the engine was measured, and its memory is not known. `command`: starts it."""

    hardware: Hardware
    memory: MemoryBudget | None
    lengths: Lengths
    held: tuple[Held, ...]
    decode: tuple[DecodeStep, ...]
    prefill: tuple[PrefillStep, ...]
    limits: SchedulerLimits
    settings: EngineSettings
    command: str
    notes: tuple[str, ...]


def size(
    hardware: Hardware,
    lengths: Lengths,
    cost_at: Callable[[float], StepCost],
    memory: MemoryBudget | None = None,
    notes: tuple[str, ...] = (),
) -> Size:
    """`cost_at`: the step cost for steps of so many tokens. Raises LimitsError where the engine could not start."""
    settings = _settings(hardware, lengths)
    limits = hardware.limits(
        hardware.max_model_len,
        settings.max_num_seqs.value,
        settings.max_num_batched_tokens.value,
        settings.long_prefill_token_threshold.value,
    )
    return Size(
        hardware=hardware,
        memory=memory,
        lengths=lengths,
        held=tuple(Held(tokens, _held(hardware, tokens)) for tokens in _lengths(hardware, lengths)),
        decode=tuple(_decode(cost_at, count, lengths) for count in _sequences(limits.max_num_seqs)),
        prefill=tuple(_prefill(cost_at, tokens) for tokens in _chunks(hardware)),
        limits=limits,
        settings=settings,
        command=shlex.join(["vllm", "serve", hardware.repo or hardware.model, *engine_flags(hardware, limits)]),
        notes=notes,
    )


def _settings(hardware: Hardware, lengths: Lengths) -> EngineSettings:
    """Those that a worker starts with, and no more sequences than fit of these lengths."""
    settings, at_once = engine_settings(hardware, TPOT_S), max(1, _held(hardware, lengths.total))
    if at_once >= settings.max_num_seqs.value:
        return settings
    return replace(settings, max_num_seqs=Reasoned(at_once, "as many of these requests as the KV cache holds"))


def cut(hardware: Hardware, max_model_len: int | None) -> Hardware:
    """A measured engine with a shorter context."""
    if max_model_len is None:
        return hardware
    return replace(hardware, max_model_len=min(max_model_len, hardware.max_model_len))


def _held(hardware: Hardware, tokens: int) -> int:
    """In whole blocks, the state of linear attention beside them."""
    blocks = -(-tokens // hardware.block_size) + -(-hardware.state_tokens // hardware.block_size)
    return hardware.kv_tokens // hardware.block_size // max(1, blocks)


def _lengths(hardware: Hardware, lengths: Lengths) -> list[int]:
    others = [tokens for tokens in _LENGTHS if tokens < hardware.max_model_len]
    return sorted({lengths.total, *others, hardware.max_model_len})


def _sequences(most: int) -> list[int]:
    return sorted({count for count in _SEQUENCES if count < most} | {most})


def _chunks(hardware: Hardware) -> list[int]:
    most = min(hardware.default_max_num_batched_tokens, hardware.max_model_len)
    return sorted({tokens for tokens in _CHUNKS if tokens < most} | {most})


def _decode(cost_at: Callable[[float], StepCost], count: int, lengths: Lengths) -> DecodeStep:
    context = count * (lengths.prompt + lengths.output // 2)
    seconds = cost_at(count).seconds(Batch(0, count, count, context, 0))
    return DecodeStep(count, seconds, _rate(count, seconds))


def _prefill(cost_at: Callable[[float], StepCost], tokens: int) -> PrefillStep:
    seconds = cost_at(tokens).seconds(Batch(tokens, 0, 1, tokens, tokens * (tokens + 1) // 2))
    return PrefillStep(tokens, seconds, _rate(tokens, seconds))


def _rate(tokens: int, seconds: float) -> float:
    return tokens / seconds if seconds else 0.0
