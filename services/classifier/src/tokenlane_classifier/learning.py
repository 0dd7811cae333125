"""What a usage event says of the estimates: how far they were off, whether the budget held, and whether the lane was
the right one. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_classifier.lanes import ModelLanes, choose


class Cause(StrEnum):
    """Why a request was in the wrong lane. PROMPT: its prompt's estimate was off; OUTPUT: only its output's; MOVED: it
    outgrew its lane and was moved while it ran."""

    PROMPT = "prompt"
    OUTPUT = "output"
    MOVED = "moved"


class Cover(StrEnum):
    """Whether an output kept to its budget. CAPPED: the budget was all that the client allowed, which proves
    nothing."""

    COVERED = "covered"
    EXCEEDED = "exceeded"
    CAPPED = "capped"


class Misrouting(NamedTuple):
    """The lane that the estimate chose, and the one that the measured tokens fit."""

    lane: str
    fitting: str
    cause: Cause


def prompt_error(event: UsageEvent) -> float | None:
    """(estimated - actual) / actual prompt tokens; None without a count of them. One that was moved was budgeted anew,
    by what was known of it then."""
    actual = event.usage.prompt_tokens
    if actual == 0 or event.usage.estimated or event.moved:
        return None
    return (event.estimated_prompt_tokens - actual) / actual


def output_error(event: UsageEvent) -> float | None:
    """(budget - actual) / actual output tokens; None without a count of them."""
    actual = event.usage.completion_tokens
    if actual == 0 or event.usage.estimated or event.moved:
        return None
    return (event.budget_output_tokens - actual) / actual


def cover(event: UsageEvent) -> Cover:
    """Whether the output kept to its budget."""
    if event.moved or event.usage.completion_tokens > event.budget_output_tokens:
        return Cover.EXCEEDED
    facts = event.facts
    allowed = facts.max_output_tokens * max(1, facts.choices)
    return Cover.CAPPED if 0 < allowed <= event.budget_output_tokens else Cover.COVERED


def misrouting(event: UsageEvent, models: Mapping[str, ModelLanes]) -> Misrouting | None:
    """How the event's request was misrouted by today's lanes, or None."""
    lanes = models.get(event.model)
    if lanes is None or event.usage.prompt_tokens == 0:
        return None
    if event.moved:
        return Misrouting(_lane_before(lanes, event.classification.lane), event.classification.lane, Cause.MOVED)
    # A version that told no typical output chose by the budget.
    output = event.classification.typical_output_tokens or event.budget_output_tokens
    chosen = choose(lanes, event.estimated_prompt_tokens + output)
    by_prompt = choose(lanes, event.usage.prompt_tokens + output)
    if by_prompt != chosen:
        return Misrouting(chosen, by_prompt, Cause.PROMPT)
    by_both = choose(lanes, event.usage.prompt_tokens + event.usage.completion_tokens)
    return Misrouting(chosen, by_both, Cause.OUTPUT) if by_both != chosen else None


def _lane_before(lanes: ModelLanes, moved_to: str) -> str:
    """The lane with the longest engines that hold less than those of `moved_to`."""
    contexts = {lane.name: lane.upper for lane in lanes.contexts}
    limit = contexts.get(moved_to, 0)
    shorter = [lane.name for lane in lanes.contexts if lane.upper < limit]
    return shorter[-1] if shorter else ""
