"""Request bodies of a wanted length, put together from bytes without a JSON encoder. Pure."""

import json
import random
from dataclasses import dataclass

from tokenlane_cli.traces.arrivals import Arrival

# Estimates of a prompt's tokens are off by so much; capped requests stay this far inside the context.
_MARGIN_SHARE = 0.03
_MARGIN_TOKENS = 16
_PROSE = """
harbour channel water morning letter bread island winter summer paper window garden river stone table number people
evening market street reason answer question office engine corner bottle yellow silver simple narrow broad quick slow
early late carry turn count write read open close begin wait bring leave under over after before
"""
_FILLER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a model counts: tokens of a chat request around its text, and bytes of filler a token."""

    overhead_tokens: float
    bytes_per_token: float


def calibration(small: tuple[int, int], large: tuple[int, int]) -> Calibration:
    """From two requests of (filler bytes, prompt tokens)."""
    slope = max(1e-3, (large[1] - small[1]) / (large[0] - small[0]))
    return Calibration(max(0.0, small[1] - slope * small[0]), 1 / slope)


def cap(arrival: Arrival, context: int) -> Arrival:
    """The request, cut to the model's context (tokens): the output to half of it, the prompt to what is left."""
    room = max(2, int(context * (1 - _MARGIN_SHARE)) - _MARGIN_TOKENS)
    if arrival.prompt_tokens + arrival.output_tokens <= room:
        return arrival
    output = min(arrival.output_tokens, room // 2)
    return Arrival(arrival.at_s, min(arrival.prompt_tokens, room - output), output)


class Bodies:
    """Makes bodies. Each begins elsewhere in the filler: a prefix cache must not make them cheaper than the trace's."""

    def __init__(self, model: str, seed: int) -> None:
        self._dice = random.Random(seed)
        words = _PROSE.split()
        filler = " ".join(self._dice.choice(words) for _ in range(_FILLER_BYTES // 5))
        self._filler = filler.encode()
        self._head = b'{"model":' + json.dumps(model).encode() + b',"messages":[{"role":"user","content":"'

    def for_tokens(self, prompt_tokens: int, output_tokens: int, calibration: Calibration) -> bytes:
        """A streamed chat request of about `prompt_tokens` that the engine answers with `output_tokens`."""
        size = round((prompt_tokens - calibration.overhead_tokens) * calibration.bytes_per_token)
        return self.of_size(max(1, size), output_tokens)

    def of_size(self, filler_bytes: int, output_tokens: int) -> bytes:
        """The same with so much filler."""
        begin = self._dice.randrange(len(self._filler))
        rounds = 1 + (begin + filler_bytes) // len(self._filler)
        text = (self._filler * rounds)[begin : begin + filler_bytes]
        return b"".join(
            (
                self._head,
                text,
                b'"}],"max_tokens":',
                str(output_tokens).encode(),
                b',"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true}}',
            )
        )
