"""What the autoscaler tells Prometheus."""

from prometheus_client import CollectorRegistry, Gauge

from tokenlane_autoscaler.policy import Decision, LaneState

_LABELS = ("lane", "model")


class Metrics:
    """Gauges by lane and model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, _LABELS, registry=registry)

        self._backlog = gauge("tokenlane_backlog_tokens", "Budget tokens of unfinished requests")
        self._waiting = gauge("tokenlane_waiting_tokens", "Budget tokens of requests that no worker has")
        self._desired = gauge("tokenlane_desired_replicas", "Workers wanted")
        self._replica = gauge("tokenlane_replica_tokens_per_second", "Budget tokens a worker can finish")
        self._load = gauge("tokenlane_finished_tokens_per_second", "Budget tokens that the lane finishes")

    def decided(self, lane: str, model: str, state: LaneState, decision: Decision) -> None:
        """A lane was looked at."""
        self._backlog.labels(lane, model).set(state.waiting_tokens + state.running_tokens)
        self._waiting.labels(lane, model).set(state.waiting_tokens)
        self._desired.labels(lane, model).set(decision.replicas)
        self._replica.labels(lane, model).set(state.replica_tokens_per_s)
        self._load.labels(lane, model).set(state.load_tokens_per_s)
