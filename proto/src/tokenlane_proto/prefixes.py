"""What tells requests whose prompts begin alike, and how much of a prompt that is."""

from typing import NamedTuple

from tokenlane.v1.line_pb2 import Candidate
from tokenlane.v1.request_pb2 import Facts


class Prefix(NamedTuple):
    """What tells prompts that begin alike."""

    tenant: str
    system_hash: int
    tools_hash: int


def prefix_of(tenant: str, told: Facts | Candidate) -> Prefix | None:
    """The prefix of a request of which that is told. None: it has none of its own."""
    if not told.system_hash and not told.tools_hash:
        return None
    return Prefix(tenant, told.system_hash, told.tools_hash)


def of_prefix(cached: int, prompt_tokens: int, facts: Facts, body_bytes: int) -> int:
    """Of `cached` tokens that a prompt of `prompt_tokens` found, those of its prefix: by its part of the body and a
    quarter more, since texts differ in what a token takes."""
    part = 5 * (facts.system_bytes + facts.tools_bytes) * prompt_tokens // (4 * max(1, body_bytes))
    return min(cached, part)
