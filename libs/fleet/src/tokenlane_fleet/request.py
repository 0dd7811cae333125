"""A request as the scheduler sees it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """`output_tokens` is how many tokens the request will generate: a model knows the end beforehand, an engine not.

    `id` is unique among the requests alive in one scheduler.
    """

    id: int
    prompt_tokens: int
    output_tokens: int
