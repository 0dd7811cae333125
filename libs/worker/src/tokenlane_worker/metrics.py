"""What a worker exports. Engine figures are those of the last look at the engine."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tokenlane.v1.reply_pb2 import Outcome
from tokenlane_worker.engine.protocol import EngineStats

_WAIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class WorkerMetrics:
    """Counters of one worker; children are bound once."""

    def __init__(self, registry: CollectorRegistry, lane: str, model: str) -> None:
        labels = {"lane": lane, "model": model}
        names = list(labels)
        outcomes = Counter("tokenlane_worker_attempts", "Attempts by outcome", [*names, "outcome"], registry=registry)
        self.completed = outcomes.labels(**labels, outcome="completed")
        self.returned = outcomes.labels(**labels, outcome="returned")
        self.moved = outcomes.labels(**labels, outcome="moved")
        self.rerouted = outcomes.labels(**labels, outcome="rerouted")
        self.lost = outcomes.labels(**labels, outcome="lost")
        self._ended = {
            Outcome.OUTCOME_CANCELLED: outcomes.labels(**labels, outcome="cancelled"),
            Outcome.OUTCOME_EXPIRED: outcomes.labels(**labels, outcome="expired"),
            Outcome.OUTCOME_FAILED: outcomes.labels(**labels, outcome="failed"),
        }
        tokens = Counter("tokenlane_worker_tokens", "Tokens of completed requests", [*names, "kind"], registry=registry)
        self.prompt_tokens = tokens.labels(**labels, kind="prompt")
        # Of the prompt tokens those that the engine said were in its prefix cache.
        self.cached_tokens = tokens.labels(**labels, kind="cached")
        self.completion_tokens = tokens.labels(**labels, kind="completion")
        self.queue_wait = Histogram(
            "tokenlane_worker_queue_wait_seconds",
            "From acceptance at the door to submission to the engine",
            names,
            buckets=_WAIT_BUCKETS,
            registry=registry,
        ).labels(**labels)
        credit = Gauge("tokenlane_worker_kv_tokens", "KV tokens", [*names, "state"], registry=registry)
        self.capacity_tokens = credit.labels(**labels, state="capacity")
        # What is counted of all that runs, and what it is thought to share apart from that.
        self.committed_tokens = credit.labels(**labels, state="committed")
        self.shared_tokens = credit.labels(**labels, state="shared")
        self.running = Gauge("tokenlane_worker_running", "Requests running", names, registry=registry).labels(**labels)

        self.borrowed = Counter(
            "tokenlane_worker_borrowed", "Requests taken from other lanes", names, registry=registry
        ).labels(**labels)

    def ended(self, outcome: Outcome) -> Counter:
        """The counter of requests that ended in an error."""
        return self._ended[outcome]


class EngineCollector(Collector):
    """The engine's own figures, by the names that the totals deserve."""

    def __init__(self, lane: str, model: str) -> None:
        self._labels = (lane, model)
        self.stats: EngineStats | None = None

    def collect(self) -> Iterable[Metric]:
        if self.stats is None:
            return
        yield self._gauge("running", "Requests that the engine runs", self.stats.running)
        yield self._gauge("waiting", "Requests that wait inside the engine", self.stats.waiting)
        yield self._gauge("kv_usage_ratio", "Share of the KV cache in use", self.stats.kv_usage)
        yield self._total("preemptions", "Requests preempted since the engine started", self.stats.preemptions)
        yield self._total("prompt_tokens", "Prompt tokens since the engine started", self.stats.prompt_tokens)
        yield self._total("generation_tokens", "Tokens generated since its start", self.stats.generation_tokens)

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"tokenlane_engine_{name}", text, labels=("lane", "model"))
        family.add_metric(self._labels, value)
        return family

    def _total(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(f"tokenlane_engine_{name}", text, labels=("lane", "model"))
        family.add_metric(self._labels, value)
        return family
