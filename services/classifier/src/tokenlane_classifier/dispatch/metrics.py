"""What the dispatcher tells Prometheus."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram

_SECONDS = (0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class LineMetrics:
    """Of the replica that dispatches; the others tell of nothing that waits."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._dispatches = Gauge("tokenlane_dispatches", "This replica is the dispatcher", registry=registry)
        self._waiting = Gauge(
            "tokenlane_waiting_requests", "Requests that wait for their turn", ("model",), registry=registry
        )
        self._returning = Gauge(
            "tokenlane_returning_requests",
            "Requests that were refused, and have a place when they come again as told",
            ("model",),
            registry=registry,
        )
        self._waited = Histogram(
            "tokenlane_released_after_seconds",
            "From acceptance to the turn",
            ("model", "lane"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._by_lane: dict[tuple[str, str], Histogram] = {}

    def waits(self, requests: Mapping[str, int], returning: Mapping[str, int]) -> None:
        """So many of each model wait, and are expected to come again, and this replica knows it."""
        self._dispatches.set(1)
        for gauge, counts in ((self._waiting, requests), (self._returning, returning)):
            for model, count in counts.items():
                gauge.labels(model).set(count)

    def released(self, model: str, lane: str, seconds: float) -> None:
        """A request's turn came."""
        waited = self._by_lane.get((model, lane))
        if waited is None:
            waited = self._by_lane[model, lane] = self._waited.labels(model, lane)
        waited.observe(seconds)

    def left(self) -> None:
        """Another replica dispatches from now on."""
        self._dispatches.set(0)
        self._waiting.clear()
        self._returning.clear()
