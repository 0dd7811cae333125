"""OpenTelemetry spans, carried in message headers as W3C `traceparent`.

Spans cost far more than what they measure here, so nothing is built for a request that is not sampled: without an
OTLP endpoint there is no tracing at all, and an unsampled parent ends the matter by one look at its flags.
"""

import os
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, set_span_in_context
from opentelemetry.util.types import AttributeValue

from tokenlane_proto.headers import TRACEPARENT

# Tells the processes behind the first one that it decided against recording; otherwise each would decide anew.
NOT_SAMPLED = f"00-{1:032x}-{1:016x}-00"

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Tracing:
    """Starts spans, or None where there is nothing to record. Sampling follows OTEL_TRACES_SAMPLER."""

    def __init__(self, service: str, exporter: SpanExporter | None) -> None:
        self.enabled = exporter is not None
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"tokenlane-{service}"}))
        if exporter is not None:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("tokenlane")

    def start(
        self, name: str, kind: SpanKind, carrier: Mapping[str, str], attributes: Mapping[str, AttributeValue]
    ) -> Span | None:
        """A span under the one in `carrier`, or a new root; None when it would not be recorded. The caller ends it."""
        if not self.enabled or carrier.get(TRACEPARENT, "-01").endswith("-00"):
            return None
        span = self._tracer.start_span(name, context=extract(carrier), kind=kind, attributes=attributes)
        return span if span.is_recording() else None

    def close(self) -> None:
        """Send what is recorded."""
        self._provider.shutdown()


def headers_of(span: Span | None) -> dict[str, str]:
    """Headers that make `span` the parent of what the receiver starts."""
    carrier: dict[str, str] = {}
    if span is not None:
        inject(carrier, context=set_span_in_context(span))
    return carrier


def from_environment(service: str) -> Tracing:
    """Tracing to the OTLP endpoint of the standard environment variables, or none."""
    return Tracing(service, OTLPSpanExporter() if any(os.environ.get(name) for name in _ENDPOINTS) else None)
