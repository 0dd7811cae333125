"""One span for each attempt, by OpenTelemetry's messaging and GenAI conventions."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import SpanKind

from tokenlane_chassis.tracing import Tracing
from tokenlane_worker.job import Job


class JobTracing:
    """Starts a span where the request is sampled; costs next to nothing where it is not."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    @contextmanager
    def span(self, job: Job, queue_wait_us: int) -> Iterator[None]:
        """A span around an attempt."""
        if not self._tracing.enabled:
            yield
            return
        span = self._tracing.start(
            f"process lanes.{job.lane}",
            SpanKind.CONSUMER,
            job.delivery.headers,
            {
                "messaging.system": "nats",
                "messaging.operation.type": "process",
                "messaging.destination.name": job.delivery.subject,
                "messaging.message.id": job.request.request_id,
                "gen_ai.request.model": job.request.facts.model,
                "tokenlane.lane": job.lane,
                "tokenlane.tenant": job.tenant,
                "tokenlane.budget_tokens": job.budget_tokens,
                "tokenlane.queue_wait_us": queue_wait_us,
                "tokenlane.attempt": job.attempt,
            },
        )
        try:
            yield
        finally:
            if span is not None:
                span.end()
