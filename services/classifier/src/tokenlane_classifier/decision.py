"""What to do with a request: forward it to a lane, or end it here. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tokenlane.v1.line_pb2 import Verdict
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import Classification, Facts, Priority, Request
from tokenlane_classifier.budget import Budget, over_choices
from tokenlane_classifier.estimate.estimates import Estimates
from tokenlane_classifier.estimate.prompt import PromptEstimate
from tokenlane_classifier.estimate.route import route_of
from tokenlane_classifier.lanes import ModelLanes, choose, fitting


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request is to have: time to first token (`is_asked`: somebody asked for it) and priority."""

    ttft_limit_ms: int
    is_asked: bool = False
    priority: Priority = Priority.PRIORITY_STANDARD


class Forward(NamedTuple):
    """Publish to `lane` with this budget. `fits`: the first lane whose engines hold it. `typical_output_tokens`: by
    which the lane was chosen. `level`: how much of the route the output's estimate rests on."""

    lane: str
    fits: str
    budget: Budget
    typical_output_tokens: int
    prompt: PromptEstimate
    level: str

    @property
    def category(self) -> str:
        """Kind of text."""
        return self.prompt.category

    def classification(self, now_unix_ms: int, wish: Wish) -> Classification:
        """What later hops are told."""
        return Classification(
            ttft_limit_ms=wish.ttft_limit_ms,
            ttft_asked=wish.is_asked,
            priority=wish.priority,
            lane=self.lane,
            prompt_tokens=self.budget.prompt_tokens,
            output_tokens=self.budget.output_tokens,
            category=self.prompt.category,
            classified_unix_ms=now_unix_ms,
            fits=self.fits,
            byte_classes=self.prompt.classes,
            typical_output_tokens=self.typical_output_tokens,
            expected_prompt_tokens=self.prompt.expected,
            least_prompt_tokens=self.prompt.least,
        )


@dataclass(frozen=True, slots=True)
class Reject:
    """End the request with an OpenAI error. `code` also names the reason in metrics. `retry_after_ms`: 0 where that
    does not help."""

    status: int
    message: str
    outcome: Outcome
    code: str
    param: str | None = None
    retry_after_ms: int = 0

    @property
    def error_type(self) -> str:
        """OpenAI's error type."""
        if self.status == 429:
            return "rate_limit_error"
        if self.outcome == Outcome.OUTCOME_CANCELLED:
            return "cancelled"
        return "server_error" if self.status >= 500 else "invalid_request_error"


Decision = Forward | Reject


def decide(
    tenant: str, request: Request, models: Mapping[str, ModelLanes], estimates: Estimates, now_unix_ms: int
) -> Decision:
    """The lane of `request`, or why it gets none. Never rejects for an estimate, only for what is certain. The budget
    is cautious; the lane is chosen by what the output typically is, since a request in too short a lane is moved, while
    one in too long a lane waits among others' work for nothing."""
    if 0 < request.deadline_unix_ms <= now_unix_ms:
        return expired("the deadline passed before the request was budgeted")
    facts = request.facts
    lanes = models.get(facts.model)
    if lanes is None:
        return _unknown_model(facts.model)
    if facts.max_output_tokens > lanes.max_model_len:
        return _too_long(facts, lanes.max_model_len)
    by_reference = request.HasField("body_ref")
    body = request.body_ref.sample if by_reference else request.body
    prompt = estimates.prompt.estimate(facts, body, request.body_ref.size if by_reference else len(body))
    route = route_of(tenant, request.endpoint, facts)
    output = estimates.output.estimate(route, prompt.expected, now_unix_ms)
    budget = Budget(prompt.tokens, over_choices(facts, output.tokens))
    typical = over_choices(facts, output.typical)
    lane = choose(lanes, prompt.tokens + typical)
    return Forward(lane, fitting(lanes, budget.total), budget, typical, prompt, output.level)


def refused(verdict: Verdict) -> Reject:
    """What ends a request that the dispatcher does not let in."""
    return Reject(
        verdict.status,
        verdict.message,
        Outcome.OUTCOME_FAILED,
        verdict.code,
        retry_after_ms=verdict.retry_after_ms,
    )


def malformed(message: str, param: str | None) -> Reject:
    """What ends a message that cannot be read."""
    return Reject(400, message, Outcome.OUTCOME_FAILED, "invalid_request", param)


def cancelled() -> Reject:
    """What ends a request whose client does not want it any more."""
    return Reject(499, "cancelled by the client", Outcome.OUTCOME_CANCELLED, "cancelled")


def expired(message: str = "the deadline passed while the request waited") -> Reject:
    """What ends a request that comes too late."""
    return Reject(504, message, Outcome.OUTCOME_EXPIRED, "deadline_exceeded")


def key_reused() -> Reject:
    """What answers another body under a key that was used. It ends nothing."""
    message = "The idempotency key was used before, for a request with another body."
    return Reject(409, message, Outcome.OUTCOME_FAILED, "idempotency_key_reused", "Idempotency-Key")


def result_gone() -> Reject:
    """What answers a repetition that comes when the first request's result is no longer kept. It ends nothing."""
    message = "The request with this idempotency key has ended, and its answer is not kept any more. Use another."
    return Reject(410, message, Outcome.OUTCOME_FAILED, "result_gone", "Idempotency-Key")


def _unknown_model(model: str) -> Reject:
    return Reject(404, f"The model '{model}' does not exist", Outcome.OUTCOME_FAILED, "model_not_found", "model")


def _too_long(facts: Facts, longest: int) -> Reject:
    message = f"max_tokens is {facts.max_output_tokens}, but '{facts.model}' takes at most {longest} tokens in all"
    return Reject(400, message, Outcome.OUTCOME_FAILED, "context_length_exceeded", "max_tokens")
