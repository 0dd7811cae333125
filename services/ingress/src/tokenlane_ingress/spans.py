"""The span of a request at the door, and the trace context that goes along with it.

Without tracing, a client's sampled context is handed on as it is, and a request without one costs nothing.
"""

from collections.abc import Mapping

from opentelemetry.trace import Span, SpanKind

from tokenlane_chassis.tracing import NOT_SAMPLED, Tracing, headers_of
from tokenlane_ingress.accept import sampled_traceparent
from tokenlane_proto.headers import TRACEPARENT

_OPERATIONS = {"chat_completions": "chat", "completions": "text_completion"}


class RequestSpan:
    """`headers`: what the published request carries, if anything."""

    __slots__ = ("_span", "headers")

    def __init__(self, span: Span | None, headers: Mapping[str, str] | None) -> None:
        self._span = span
        self.headers = headers

    def end(self, status: int) -> None:
        """The request was answered with `status`; 0: its client left first."""
        if self._span is not None:
            self._span.set_attribute("http.response.status_code", status or 499)
            self._span.end()


UNTRACED = RequestSpan(None, None)
NOT_RECORDED = RequestSpan(None, {TRACEPARENT: NOT_SAMPLED})


class Spans:
    """Starts a span for each request that is recorded."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def start(self, endpoint: str, model: str, request_id: str, traceparent: bytes | None) -> RequestSpan:
        """The span of a request. `traceparent` is the client's header."""
        if traceparent is None and not self._tracing.enabled:
            return UNTRACED
        parent = sampled_traceparent(traceparent)
        carrier = {} if traceparent is None else {TRACEPARENT: parent or "-00"}
        if not self._tracing.enabled:
            return RequestSpan(None, carrier) if parent else UNTRACED
        attributes = {
            "gen_ai.operation.name": _OPERATIONS[endpoint],
            "gen_ai.request.model": model,
            "messaging.system": "nats",
            "messaging.message.id": request_id,
        }
        span = self._tracing.start(f"{_OPERATIONS[endpoint]} {model}", SpanKind.SERVER, carrier, attributes)
        return RequestSpan(span, headers_of(span)) if span else NOT_RECORDED
