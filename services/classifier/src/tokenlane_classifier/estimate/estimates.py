"""What the classifier estimates by: both parts, and what they learn from an answer. Pure."""

from typing import NamedTuple

from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_classifier.estimate.output import OutputEstimates
from tokenlane_classifier.estimate.prompt import PromptEstimates
from tokenlane_classifier.estimate.route import route_of
from tokenlane_classifier.estimate.shared import Shard, shards_of


class Estimates(NamedTuple):
    """Both change as they learn."""

    prompt: PromptEstimates
    output: OutputEstimates

    def shards(self) -> tuple[Shard, ...]:
        """The pieces that replicas share."""
        return shards_of({"prompt": self.prompt, "output": self.output})

    def learn(self, tenant: str, event: UsageEvent, now_unix_ms: int) -> bool:
        """Take an answer to heart; whether it taught anything. An event of a version that told no facts does not."""
        if not event.HasField("facts"):
            return False
        teaches_prompt, teaches_output = _teaches_prompt(event), teaches_output_length(event)
        facts, usage = event.facts, event.usage
        if teaches_prompt:
            given = event.classification
            self.prompt.observe(facts, event.category, given.byte_classes, event.body_bytes, usage.prompt_tokens)
        if teaches_output:
            route = route_of(tenant, event.endpoint, facts)
            each = -(-usage.completion_tokens // max(1, facts.choices))
            prompt_tokens = event.classification.expected_prompt_tokens or usage.prompt_tokens
            self.output.observe(route, prompt_tokens, each, now_unix_ms)
        return teaches_prompt or teaches_output


def teaches_output_length(event: UsageEvent) -> bool:
    """Whether the length of the answer is known. Where the engine did not count it, the number of a stream's events
    stands for it: engines send one for each token, except of tool calls, which are held back until they can be
    parsed."""
    if event.usage.completion_tokens == 0:
        return False
    return not (event.usage.estimated and event.facts.tools_hash)


def _teaches_prompt(event: UsageEvent) -> bool:
    # What a stream without counts says of its prompt is the classifier's own estimate.
    return event.usage.prompt_tokens > 0 and not event.usage.estimated and bool(event.classification.byte_classes)
