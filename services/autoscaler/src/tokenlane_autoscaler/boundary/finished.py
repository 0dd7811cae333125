"""What a usage event says of a boundary. Pure."""

from typing import NamedTuple

from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_proto import subjects

# A first token after less than this prompt says little about the speed of prefills.
_LEAST_PROMPT = 512


class Finished(NamedTuple):
    """A finished request: the lanes that it waited in and that ran it, its tokens, the tokens that its lane was chosen
    by, its budget as the backlog counts it, the speed of its prefill in tokens a second, and its worker."""

    waited: str
    ran: str
    prompt_tokens: int
    output_tokens: int
    counted: int
    budget: int
    prefill_tokens_per_s: float | None = None
    worker: str = ""


def finished(event: UsageEvent) -> Finished | None:
    """From the event; None where it has no counts."""
    if not event.HasField("usage") or not event.usage.prompt_tokens:
        return None
    given = event.classification
    prompt, output = event.usage.prompt_tokens, event.usage.completion_tokens
    typical = given.prompt_tokens + given.typical_output_tokens if given.typical_output_tokens else prompt + output
    return Finished(
        waited=given.lane or event.lane,
        ran=event.lane,
        prompt_tokens=prompt,
        output_tokens=output,
        counted=typical,
        budget=subjects.bucket_tokens(event.estimated_prompt_tokens + event.budget_output_tokens),
        prefill_tokens_per_s=_prefill(event, prompt),
        worker=event.worker,
    )


def _prefill(event: UsageEvent, prompt: int) -> float | None:
    took_us = event.first_data_us - event.queue_wait_us
    return prompt * 1e6 / took_us if event.first_data_us and took_us > 0 and prompt >= _LEAST_PROMPT else None
