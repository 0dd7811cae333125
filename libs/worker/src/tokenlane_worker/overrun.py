"""Requests that outgrow their engine: whether the end of an answer is the end of the engine's context, and what budget
the request goes on with where the context is longer."""

from dataclasses import dataclass

import msgspec

from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_worker.resume.continuation import DEFAULT_COMPLETION_TOKENS

# Servers keep a few tokens of their context to themselves. Unit: tokens.
_SLACK = 16
# An estimated prompt may be so many times as long, and a chat template that is not in the body so long. Unit: tokens.
_DOUBT = 2
_TEMPLATE = 64


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an answer took so far, `output` over all `choices`. Not `exact`: `prompt` is an estimate."""

    prompt: int
    output: int
    choices: int = 1
    exact: bool = True


class _Limits(msgspec.Struct):
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


_limits: msgspec.json.Decoder[_Limits] = msgspec.json.Decoder(_Limits)


def limit_of(endpoint: Endpoint, body: bytes) -> int | None:
    """Most output tokens of a choice that an OpenAI `body` allows; None where it sets no limit, or cannot be read."""
    try:
        limits = _limits.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    limit = limits.max_tokens if limits.max_completion_tokens is None else limits.max_completion_tokens
    return DEFAULT_COMPLETION_TOKENS if limit is None and endpoint == Endpoint.ENDPOINT_COMPLETIONS else limit


def fills(context: int, limit: int | None, took: Tokens) -> bool:
    """Whether an answer that ended at "length" has filled the engine's context (tokens of a sequence), rather than
    reached its own `limit`. Of an estimated prompt the doubt is given to the context."""
    if limit is not None:
        reached = took.output >= limit if took.choices == 1 else took.prompt + limit <= context
        if reached:
            return False
    prompt = took.prompt if took.exact else _DOUBT * took.prompt + _TEMPLATE
    return prompt + took.output >= context - _SLACK


def budget_behind(took: Tokens, limit: int | None, given_output: int, context: int) -> tuple[int, int]:
    """Prompt and output tokens, over all choices, of a request that goes on where a sequence has `context` tokens. An
    answer without a limit is thought to become twice as long as it is, and at least as long as it was thought before
    (`given_output`)."""
    prompt = max(1, took.prompt)
    wanted = max(2 * took.output, given_output) if limit is None else limit * took.choices
    return prompt, max(1, min(wanted, max(1, context - prompt) * took.choices))


def next_mark(budget_output: int, shown: int) -> int:
    """The number of events at which a request that has shown `shown` outgrows what it is counted for, which doubles
    from its budgeted output on."""
    mark = max(1, budget_output)
    while mark <= shown:
        mark *= 2
    return mark
