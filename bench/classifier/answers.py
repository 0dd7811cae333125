"""Usage events, as workers tell them."""

import random

from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane.v1.request_pb2 import Classification, Request


def answered(request: Request, given: Classification, dice: random.Random) -> UsageEvent:
    """That `request` was answered: about 4.4 bytes a prompt token, outputs log-normal by route."""
    median = 60 + request.facts.system_hash % 400
    return UsageEvent(
        request_id=request.request_id,
        model=request.facts.model,
        lane=given.lane,
        category=given.category,
        body_bytes=len(request.body),
        estimated_prompt_tokens=given.prompt_tokens,
        budget_output_tokens=given.output_tokens,
        usage=Usage(
            prompt_tokens=int(len(request.body) / 4.4 * dice.uniform(0.97, 1.03)),
            completion_tokens=1 + int(median * dice.lognormvariate(0, 0.6)),
        ),
        accepted_unix_ms=request.accepted_unix_ms,
        endpoint=request.endpoint,
        facts=request.facts,
        classification=given,
        worker="bench",
    )
