"""Requests as the line knows them. Pure; times in seconds since the Unix epoch."""

from dataclasses import dataclass
from zlib import crc32

from tokenlane.v1 import request_pb2
from tokenlane.v1.line_pb2 import Candidate
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane.v1.request_pb2 import Classification, Request
from tokenlane_classifier.line.limits import Ask, TenantLimits
from tokenlane_classifier.line.waiting import Priority, Waiting
from tokenlane_proto.prefixes import prefix_of

# Tenant and request id.
Key = tuple[str, str]

_PRIORITIES = {
    request_pb2.PRIORITY_INTERACTIVE: Priority.INTERACTIVE,
    request_pb2.PRIORITY_STANDARD: Priority.STANDARD,
    request_pb2.PRIORITY_BATCH: Priority.BATCH,
}

_PLAIN = request_pb2.REPLY_FORMAT_PLAIN


@dataclass(frozen=True, slots=True)
class Patience:
    """Time to first token that a request should have where neither it nor its tenant says: `short_ms` in the first
    lane, otherwise the larger of `long_ms` and `short_ms` plus what its prompt takes at `long_tokens_per_s`."""

    short_ms: int = 1_000
    long_ms: int = 5_000
    long_tokens_per_s: int = 4_000

    def limit_ms(self, prompt_tokens: int, is_short: bool) -> int:
        """Of a request."""
        if is_short:
            return self.short_ms
        return max(self.long_ms, self.short_ms + prompt_tokens * 1_000 // self.long_tokens_per_s)


def candidate_of(tenant: str, request: Request, classification: Classification, held_seq: int = 0) -> Candidate:
    """What the dispatcher is told of a request."""
    return Candidate(
        tenant=tenant,
        request_id=request.request_id,
        model=request.facts.model,
        accepted_unix_ms=request.accepted_unix_ms,
        deadline_unix_ms=request.deadline_unix_ms,
        classification=classification,
        max_output_tokens=request.facts.max_output_tokens,
        held_seq=held_seq,
        same=_same(request),
        reply_inbox="" if request.reply_format == _PLAIN else request.reply_inbox,
        system_hash=request.facts.system_hash,
        tools_hash=request.facts.tools_hash,
    )


def _same(request: Request) -> str:
    """Who comes again sends the same key, or else the same body. A large one is told apart by its beginning."""
    if request.idempotency_key:
        return request.request_id
    body = request.body_ref.sample if request.HasField("body_ref") else request.body
    return f"{crc32(body):x}.{len(body)}"


def waiting_of(candidate: Candidate, seq: int, prefill_tokens_per_s: float) -> Waiting:
    """`prefill_tokens_per_s`: of an engine with nothing else to do."""
    given = candidate.classification
    return Waiting(
        seq=seq,
        tenant=candidate.tenant,
        lane=given.lane,
        fits=given.fits or given.lane,
        model=candidate.model,
        priority=_PRIORITIES.get(given.priority, Priority.STANDARD),
        prompt_tokens=given.prompt_tokens,
        output_tokens=given.output_tokens,
        accepted_s=candidate.accepted_unix_ms / 1_000,
        limit_s=given.ttft_limit_ms / 1_000,
        prefill_s=given.prompt_tokens / prefill_tokens_per_s,
        deadline_s=candidate.deadline_unix_ms / 1_000 if candidate.deadline_unix_ms else None,
        prefix=prefix_of(candidate.tenant, candidate),
    )


def ask_of(candidate: Candidate) -> Ask:
    """What it wants of its tenant's limits."""
    given = candidate.classification
    least_tokens = given.least_prompt_tokens + candidate.max_output_tokens
    return Ask(given.prompt_tokens, given.output_tokens, least_tokens)


def limits_of(policy: TenantPolicy) -> TenantLimits:
    """What a tenant may take."""
    return TenantLimits(
        tokens_in_flight=policy.tokens_in_flight,
        tokens_per_minute=policy.tokens_per_minute,
        requests_queued=policy.requests_queued,
        context_length=policy.context_tokens,
        weight=policy.weight or 1.0,
    )
