"""The token budget of a request: what its estimates add up to."""

from typing import NamedTuple

from tokenlane.v1.request_pb2 import Facts

_UINT32_MAX = 2**32 - 1


class Budget(NamedTuple):
    """Tokens that a request may take."""

    prompt_tokens: int
    output_tokens: int

    @property
    def total(self) -> int:
        """Prompt and output."""
        return min(self.prompt_tokens + self.output_tokens, _UINT32_MAX)


def over_choices(facts: Facts, each: int) -> int:
    """Output over all choices of which each takes `each` tokens, or as many as the client allows, if that is less."""
    if facts.HasField("max_output_tokens"):
        each = min(each, facts.max_output_tokens)
    return min(each * (facts.choices or 1), _UINT32_MAX)
