"""What is told to Prometheus of boundaries."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from tokenlane_fleet.boundary import Uppers


class BoundaryMetrics:
    """By model, and by lane."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tokens = Gauge(
            "tokenlane_boundary_tokens",
            "Most total tokens that a lane is for; 0: it gets nothing new",
            ("lane", "model"),
            registry=registry,
        )
        self._changes = Counter(
            "tokenlane_boundary_changes", "Times that boundaries were moved", ("model",), registry=registry
        )

    def stands(self, model: str, uppers: Uppers, max_model_lens: Mapping[str, int]) -> None:
        """Where the lanes of a model divide."""
        named = {lane.lane: lane.upper for lane in uppers}
        for lane, longest in max_model_lens.items():
            upper = named.get(lane, 0)
            self._tokens.labels(lane, model).set(longest if upper is None else min(upper, longest))

    def changed(self, model: str) -> None:
        """They were moved."""
        self._changes.labels(model).inc()
