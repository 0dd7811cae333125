"""What tenants may take, and what they have taken."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tokenlane_classifier.line.bucket import Bucket
from tokenlane_classifier.line.verdict import Admitted, Refused, Verdict

# Of tokens that come back in fractions: who comes when told must not lack the last bit of one.
_ROUNDING = 1e-6
# Longer times are not told: by then it is another line. Unit: seconds.
_LONGEST_S = 600.0
# Part by which a time is put off at most, so that those who were told at once do not come at once.
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """0: no limit. `tokens_in_flight` is from release to the end, `requests_queued` from admission to release.
    `context_length` is in tokens. `weight` is the share among tenants of a priority."""

    tokens_in_flight: int = 0
    tokens_per_minute: int = 0
    requests_queued: int = 0
    context_length: int = 0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request wants. Tokens are the budget. `least_tokens`: prompt and largest answer, as far as they can be
    relied upon; only these can be too long for a context."""

    prompt_tokens: int
    output_tokens: int
    least_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Prompt and output."""
        return self.prompt_tokens + self.output_tokens


@dataclass(slots=True)
class Usage:
    """What a tenant has taken and not given back. `lost`: tokens of requests whose worker is gone, until another one
    has them. `bucket`: None without a limit a minute."""

    queued: int = 0
    in_flight: int = 0
    lost: int = 0
    bucket: Bucket | None = None


class Accounts:
    """Every request is admitted (or recalled after a restart), then released or dropped, and what was released is
    ended. What it might take is reserved when it is admitted, and what it did not take is given back at the end, so
    that requests side by side cannot overshoot. `burst_minutes` of a tenant's tokens may be taken at once."""

    def __init__(self, limits: Callable[[str], TenantLimits], burst_minutes: float = 1.0) -> None:
        self._limits, self._burst_minutes = limits, burst_minutes
        self._usage: dict[str, Usage] = {}

    def usage(self, tenant: str) -> Usage:
        """Made where there is none."""
        if tenant not in self._usage:
            self._usage[tenant] = Usage()
        return self._usage[tenant]

    def admit(self, tenant: str, ask: Ask, now_s: float, turn_s: float = 1.0, jitter: float = 0.0) -> Verdict:
        """Whether it may wait; what is refused takes nothing. `turn_s`: how long until one of the tenant's requests
        that wait goes. What does not fit in flight waits. `jitter`: chance, of at least 0 and below 1."""
        limits, usage = self._limits(tenant), self.usage(tenant)
        bucket = self._bucket(tenant, now_s)
        later = 1 + _JITTER * jitter
        refused = (
            _too_long(ask, limits)
            or _queue_full(usage, limits, min(turn_s, _LONGEST_S) * later)
            or _over_rate(ask, bucket, now_s, later)
        )
        if refused is not None:
            return refused
        usage.queued += 1
        if bucket is not None:
            bucket.change(-ask.tokens, now_s)
        return Admitted(ask.tokens)

    def recall(self, tenant: str) -> None:
        """It was admitted before a restart, and waits. What it took of the bucket is in the snapshot."""
        self.usage(tenant).queued += 1

    def found(self, tenant: str, tokens: int) -> None:
        """It was in flight before a restart."""
        self.usage(tenant).in_flight += tokens

    def fits(self, tenant: str, tokens: int) -> bool:
        """Whether so much more may be in flight. What is over the limit by itself may go alone."""
        limit, usage = self._limits(tenant).tokens_in_flight, self.usage(tenant)
        taken = usage.in_flight + usage.lost
        return not limit or not taken or taken + tokens <= limit

    def lose(self, tenant: str, tokens: int) -> None:
        """What was in flight comes again, unless it ended."""
        usage = self.usage(tenant)
        usage.in_flight, usage.lost = max(0, usage.in_flight - tokens), usage.lost + tokens

    def forget_lost(self, tenant: str, tokens: int) -> None:
        """It came again, or will not."""
        usage = self.usage(tenant)
        usage.lost = max(0, usage.lost - tokens)

    def release(self, tenant: str, tokens: int) -> None:
        """It does not wait any more, and is in flight."""
        self._leave(tenant)
        self.usage(tenant).in_flight += tokens

    def drop(self, tenant: str, tokens: int, now_s: float) -> None:
        """It does not wait any more, and took nothing of what it reserved."""
        self._leave(tenant)
        self._put_back(tenant, tokens, now_s)

    def end(self, tenant: str, tokens: int, used: int, now_s: float) -> None:
        """What was in flight ended, and took `used` instead of what it reserved."""
        usage = self.usage(tenant)
        usage.in_flight = max(0, usage.in_flight - tokens)
        self._put_back(tenant, tokens - used, now_s)

    def buckets(self, now_s: float) -> dict[str, float]:
        """Tokens that tenants have taken and that did not come back. The others' buckets are full."""
        pairs = ((tenant, usage.bucket) for tenant, usage in self._usage.items() if usage.bucket is not None)
        taken = {tenant: bucket.capacity - bucket.tokens(now_s) for tenant, bucket in pairs}
        return {tenant: tokens for tenant, tokens in taken.items() if tokens > 0}

    def restore(self, taken: Mapping[str, float], age_s: float, now_s: float) -> None:
        """What `buckets` told `age_s` ago. What would have come back since is back."""
        for tenant, tokens in taken.items():
            bucket = self._bucket(tenant, now_s)
            if bucket is not None:
                bucket.change(-max(0.0, tokens - age_s * bucket.per_minute / 60), now_s)

    def _bucket(self, tenant: str, now_s: float) -> Bucket | None:
        usage, per_minute = self.usage(tenant), self._limits(tenant).tokens_per_minute
        capacity = per_minute * self._burst_minutes
        if not per_minute:
            usage.bucket = None
        elif usage.bucket is None:
            usage.bucket = Bucket(per_minute, capacity, now_s)
        elif (usage.bucket.per_minute, usage.bucket.capacity) != (per_minute, capacity):
            usage.bucket.resize(per_minute, capacity, now_s)
        return usage.bucket

    def _put_back(self, tenant: str, tokens: float, now_s: float) -> None:
        bucket = self._bucket(tenant, now_s)
        if bucket is not None:
            bucket.change(tokens, now_s)

    def _leave(self, tenant: str) -> None:
        usage = self.usage(tenant)
        usage.queued = max(0, usage.queued - 1)


def _too_long(ask: Ask, limits: TenantLimits) -> Refused | None:
    if not limits.context_length or ask.least_tokens <= limits.context_length:
        return None
    message = (
        f"prompt and max_tokens are at least {ask.least_tokens} tokens together, "
        f"but at most {limits.context_length} are allowed"
    )
    return Refused(400, "context_length_exceeded", message)


def _queue_full(usage: Usage, limits: TenantLimits, turn_s: float) -> Refused | None:
    if not limits.requests_queued or usage.queued < limits.requests_queued:
        return None
    message = f"{usage.queued} requests wait already, of at most {limits.requests_queued}"
    return Refused(429, "requests_queued_exceeded", message, _ms(turn_s))


def _over_rate(ask: Ask, bucket: Bucket | None, now_s: float, later: float) -> Refused | None:
    if bucket is None or ask.tokens <= bucket.tokens(now_s) + _ROUNDING:
        return None
    if ask.tokens > bucket.capacity:
        message = f"the request may take {ask.tokens} tokens, but at most {bucket.capacity:.0f} are allowed at once"
        return Refused(429, "request_too_large", message)
    left = max(0.0, bucket.tokens(now_s))
    message = f"the request may take {ask.tokens} tokens; {left:.0f} of {bucket.per_minute} a minute are left"
    return Refused(429, "tokens_per_minute_exceeded", message, _ms(bucket.turn_s(ask.tokens, now_s) * later))


def _ms(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1_000))
