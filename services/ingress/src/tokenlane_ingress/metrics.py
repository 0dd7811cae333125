"""Metrics of the door, with every label combination bound in advance."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

ENDPOINTS = ("chat_completions", "completions", "requests", "models", "other")
# A client that left before its answer has no status.
STATUSES = ("2xx", "4xx", "5xx", "gone")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


def status_label(status: int) -> str:
    """The label of an HTTP status; 0 means that the client left first."""
    return f"{status // 100}xx" if status >= 200 else "gone"


class Metrics:
    """Updated at most four times a request."""

    def __init__(self, registry: CollectorRegistry, in_flight: Callable[[], float]) -> None:
        requests = Counter(
            "tokenlane_ingress_requests", "HTTP requests answered", ("endpoint", "status"), registry=registry
        )
        duration = Histogram(
            "tokenlane_ingress_request_duration_seconds",
            "From the complete request to the end of its answer",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )
        first_byte = Histogram(
            "tokenlane_ingress_time_to_first_byte_seconds",
            "From the complete request to the first byte of a streamed answer",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )
        sent = Counter("tokenlane_ingress_response_bytes", "Bytes of answers to requests", registry=registry)
        received = Counter("tokenlane_ingress_request_bytes", "Bytes of accepted bodies", registry=registry)
        Gauge("tokenlane_ingress_in_flight", "Requests waiting for their answer's end", registry=registry).set_function(
            in_flight
        )
        self.requests = {(name, status): requests.labels(name, status) for name in ENDPOINTS for status in STATUSES}
        self.duration = {name: duration.labels(name) for name in ENDPOINTS[:3]}
        self.first_byte = {name: first_byte.labels(name) for name in ENDPOINTS[:3]}
        self.sent_bytes = sent
        self.received_bytes = received

    def count(self, endpoint: str, status: int) -> None:
        """A request was answered with `status`; 0: its client left first."""
        self.requests[endpoint, status_label(status)].inc()
