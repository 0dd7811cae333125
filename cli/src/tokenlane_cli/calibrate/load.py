"""Which load to put on the engine: few streams and many, short contexts and long. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

# How many tokens are generated to time a decode step, and how much of the KV cache a load may take.
DECODE_TOKENS = 40
_KV_SHARE = 0.8
_SHORT = 48
_LONGEST = 32_768
# Prompts are made of words, so their tokens are known only about.
_MARGIN_SHARE = 0.04
_MARGIN = 32
_STRIDE = 3
_PREFILLS = (32, 128, 384, 1024, 2048, 4096, 8192, 16_384, _LONGEST)


@dataclass(frozen=True, slots=True)
class Load:
    """`streams` requests at once, each of `prompt_tokens` and `output_tokens`. One output token: only its time to the
    first token is measured."""

    streams: int
    prompt_tokens: int
    output_tokens: int

    @property
    def is_prefill(self) -> bool:
        return self.output_tokens == 1

    @property
    def name(self) -> str:
        if self.is_prefill:
            return f"first token of {self.prompt_tokens:,}"
        return f"{self.streams} decoding on {self.prompt_tokens:,}"


@dataclass(frozen=True, slots=True)
class Room:
    """What an engine holds, in tokens; `streams` bounds the requests at once."""

    max_model_len: int
    kv_tokens: int
    streams: int

    def holds(self, load: Load) -> bool:
        length = _most(load.prompt_tokens) + load.output_tokens
        return (
            length <= self.max_model_len
            and load.streams * length <= max(self.kv_tokens * _KV_SHARE, length)
            and length <= self.kv_tokens
            and load.streams <= self.streams
        )


def _most(prompt_tokens: int) -> int:
    return round(prompt_tokens * (1 + _MARGIN_SHARE)) + _MARGIN


def loads(room: Room) -> list[Load]:
    """One round: every third one by the work it is, then those between. A round cut short has seen the range."""
    wanted = [*_decodes(room), *(Load(1, tokens, 1) for tokens in _PREFILLS)]
    held = list(dict.fromkeys(load for load in wanted if room.holds(load)))
    held.sort(key=lambda load: (load.prompt_tokens * load.streams, load.streams))
    return [load for first in range(_STRIDE) for load in held[first::_STRIDE]]


def _decodes(room: Room) -> Iterator[Load]:
    streams = 1
    while streams <= room.streams:
        each = min(room.max_model_len, room.kv_tokens, int(room.kv_tokens * _KV_SHARE / streams)) - DECODE_TOKENS
        longest = min(int((each - _MARGIN) / (1 + _MARGIN_SHARE)), _LONGEST // streams)
        for context in (_SHORT, longest // 4, longest):
            if context >= _SHORT:
                yield Load(streams, context, DECODE_TOKENS)
        streams *= 2
