"""A request as the scheduler sees it, and its state while it lives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """`output_tokens` is how many tokens the request will generate: a model knows the end beforehand, an engine not.

    `id` is unique among the requests alive in one scheduler.
    """

    id: int
    prompt_tokens: int
    output_tokens: int


class Sequence:
    """The mutable state of one request; owned and changed by the scheduler alone.

    `total` tokens are known (prompt and generated so far), `computed` of them are in the KV cache, which holds
    `slots` tokens in `blocks` blocks. The next token comes out when `computed` reaches `total`.
    """

    __slots__ = ("blocks", "computed", "end", "generated", "id", "prompt_tokens", "slots", "total")

    def __init__(self, request: Request, max_model_len: int) -> None:
        self.id = request.id
        self.prompt_tokens = request.prompt_tokens
        self.end = min(request.prompt_tokens + request.output_tokens, max_model_len)
        self.total = request.prompt_tokens
        self.generated = 0
        self.computed = 0
        self.blocks = 0
        self.slots = 0
