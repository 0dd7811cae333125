"""What a usage event teaches: the ratio of its kind of text, how far the estimate was off, and whether the lane was
the right one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_classifier.category import Category
from tokenlane_classifier.lanes import ModelLanes, choose
from tokenlane_classifier.ratio import Ratios

# A shorter body is mostly JSON framing and chat template; a ratio learned there would be wrong for a long document,
# which is where the ratio decides.
LEAST_BODY_BYTES = 2_048
_CATEGORIES: Mapping[str, Category] = {str(category): category for category in Category}


@dataclass(frozen=True, slots=True)
class Misrouting:
    """The lane that the estimate chose, and the one that the measured tokens fit. `cause`: "prompt" where the prompt's
    estimate was wrong, "output" where only the bound of the output was not used."""

    lane: str
    fitting: str
    cause: str


def category_of(event: UsageEvent) -> Category | None:
    """The event's category, or None where this version knows no such kind of text."""
    return _CATEGORIES.get(event.category)


def learned(ratios: Ratios, event: UsageEvent, beta: float) -> Ratios:
    """`ratios` after the event. Events without a prompt count and small bodies teach nothing."""
    category = category_of(event)
    if category is None or event.usage.prompt_tokens == 0 or event.body_bytes < LEAST_BODY_BYTES:
        return ratios
    return ratios.observed(event.model, category, event.body_bytes / event.usage.prompt_tokens, beta)


def relative_error(event: UsageEvent) -> float | None:
    """(estimated - actual) / actual prompt tokens; None without a count."""
    actual = event.usage.prompt_tokens
    return (event.estimated_prompt_tokens - actual) / actual if actual else None


def misrouting(event: UsageEvent, models: Mapping[str, ModelLanes]) -> Misrouting | None:
    """How the event's request was misrouted by today's lanes, or None."""
    lanes = models.get(event.model)
    if lanes is None or event.usage.prompt_tokens == 0:
        return None
    chosen = choose(lanes, event.estimated_prompt_tokens + event.budget_output_tokens)
    by_prompt = choose(lanes, event.usage.prompt_tokens + event.budget_output_tokens)
    if by_prompt != chosen:
        return Misrouting(chosen, by_prompt, "prompt")
    by_both = choose(lanes, event.usage.prompt_tokens + event.usage.completion_tokens)
    return Misrouting(chosen, by_both, "output") if by_both != chosen else None
