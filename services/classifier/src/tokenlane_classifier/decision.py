"""What to do with a request: forward it to a lane, or end it here. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import Facts, Request
from tokenlane_classifier.budget import Budget, output_tokens, prompt_tokens
from tokenlane_classifier.category import Category, categorize
from tokenlane_classifier.lanes import ModelLanes, choose
from tokenlane_classifier.ratio import Ratios


@dataclass(frozen=True, slots=True)
class Policy:
    """Constants of the estimate. `default_output_tokens` bounds the output of a request that sets no limit."""

    default_output_tokens: int
    gamma: float


@dataclass(frozen=True, slots=True)
class Forward:
    """Publish to `lane` with this budget."""

    lane: str
    budget: Budget
    category: Category


@dataclass(frozen=True, slots=True)
class Reject:
    """End the request with an OpenAI error. `code` also names the reason in metrics."""

    status: int
    message: str
    outcome: Outcome
    code: str
    param: str | None = None

    @property
    def error_type(self) -> str:
        """OpenAI's error type."""
        if self.outcome == Outcome.OUTCOME_CANCELLED:
            return "cancelled"
        return "server_error" if self.status >= 500 else "invalid_request_error"


Decision = Forward | Reject


def decide(
    request: Request, models: Mapping[str, ModelLanes], ratios: Ratios, policy: Policy, now_unix_ms: int
) -> Decision:
    """The lane of `request`, or why it gets none. Never rejects for an estimate, only for what is certain."""
    if 0 < request.deadline_unix_ms <= now_unix_ms:
        return _expired()
    facts = request.facts
    lanes = models.get(facts.model)
    if lanes is None:
        return _unknown_model(facts.model)
    if facts.max_output_tokens > lanes.max_model_len:
        return _too_long(facts, lanes.max_model_len)
    category = categorize(request.body_ref.sample if request.HasField("body_ref") else request.body)
    ratio = ratios.of(facts.model, category).cautious(policy.gamma)
    budget = Budget(
        prompt_tokens(request.body_ref.size or len(request.body), ratio),
        output_tokens(facts, policy.default_output_tokens),
    )
    return Forward(choose(lanes, budget.total), budget, category)


def malformed(message: str, param: str | None) -> Reject:
    """What ends a message that cannot be read."""
    return Reject(400, message, Outcome.OUTCOME_FAILED, "invalid_request", param)


def cancelled() -> Reject:
    """What ends a request whose client does not want it any more."""
    return Reject(499, "cancelled by the client", Outcome.OUTCOME_CANCELLED, "cancelled")


def key_reused() -> Reject:
    """What answers another body under a key that was used. It ends nothing."""
    message = "The idempotency key was used before, for a request with another body."
    return Reject(409, message, Outcome.OUTCOME_FAILED, "idempotency_key_reused", "Idempotency-Key")


def result_gone() -> Reject:
    """What answers a repetition that comes when the first request's result is no longer kept. It ends nothing."""
    message = "The request with this idempotency key has ended, and its answer is not kept any more. Use another."
    return Reject(410, message, Outcome.OUTCOME_FAILED, "result_gone", "Idempotency-Key")


def _expired() -> Reject:
    return Reject(
        504, "the deadline passed before the request was budgeted", Outcome.OUTCOME_EXPIRED, "deadline_exceeded"
    )


def _unknown_model(model: str) -> Reject:
    return Reject(404, f"The model '{model}' does not exist", Outcome.OUTCOME_FAILED, "model_not_found", "model")


def _too_long(facts: Facts, longest: int) -> Reject:
    message = f"max_tokens is {facts.max_output_tokens}, but '{facts.model}' takes at most {longest} tokens in all"
    return Reject(400, message, Outcome.OUTCOME_FAILED, "context_length_exceeded", "max_tokens")
