"""The token budget of a request: prompt tokens estimated from bytes, output tokens from what the client allows."""

import math
from dataclasses import dataclass

from tokenlane.v1.request_pb2 import Facts

_UINT32_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens that a request may take."""

    prompt_tokens: int
    output_tokens: int

    @property
    def total(self) -> int:
        """Prompt and output."""
        return min(self.prompt_tokens + self.output_tokens, _UINT32_MAX)


def prompt_tokens(body_bytes: int, ratio: float) -> int:
    """Prompt tokens of a body. Every byte of the JSON counts, its framing too: that is what the ratio is learned on."""
    return min(math.ceil(body_bytes / ratio), _UINT32_MAX)


def output_tokens(facts: Facts, default: int) -> int:
    """Bound of the output over all choices; `default` for each where the client set none."""
    limit = facts.max_output_tokens if facts.HasField("max_output_tokens") else default
    return min(limit * max(1, facts.choices), _UINT32_MAX)
