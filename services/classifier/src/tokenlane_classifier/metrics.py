"""What the classifier tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_classifier.budget import Budget
from tokenlane_classifier.estimate.prompt import PromptEstimates
from tokenlane_classifier.learning import Cover, Misrouting, cover, output_error, prompt_error

_ERROR_BUCKETS = (-0.5, -0.2, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0)
_SECONDS_BUCKETS = (10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 1e-3, 10e-3)


class Metrics:
    """What is counted for each request is looked up once by its labels; that is dearer than counting."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tokenlane_classified_requests", "Requests given a lane", ("lane", "model"), registry=registry
        )
        self._tokens = Counter(
            "tokenlane_classified_tokens", "Budget of classified requests", ("lane", "model", "kind"), registry=registry
        )
        self._rejected = Counter(
            "tokenlane_classifier_rejected", "Requests ended with an error", ("code",), registry=registry
        )
        self._repeated = Counter(
            "tokenlane_classifier_repeated", "Requests that were there before", ("standing",), registry=registry
        )
        self._retries = Counter(
            "tokenlane_classifier_retries", "Deliveries given back to the bus", ("reason",), registry=registry
        )
        self._seconds = Histogram(
            "tokenlane_classifier_decision_seconds",
            "From delivery to decision: decoding, estimate, lane",
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self._errors = Histogram(
            "tokenlane_prompt_estimate_relative_error",
            "(estimated - actual) / actual prompt tokens",
            ("category",),
            buckets=_ERROR_BUCKETS,
            registry=registry,
        )
        self._output_errors = Histogram(
            "tokenlane_output_estimate_relative_error",
            "(budget - actual) / actual output tokens",
            ("category",),
            buckets=_ERROR_BUCKETS,
            registry=registry,
        )
        self._covered = Counter(
            "tokenlane_output_budgets",
            "Requests whose output kept to its budget or not, by how much of the route the estimate rested on",
            ("category", "level", "outcome"),
            registry=registry,
        )
        self._ratio = Gauge(
            "tokenlane_bytes_per_token", "Learned bytes a prompt token takes", ("model", "category"), registry=registry
        )
        self._shared = Counter(
            "tokenlane_estimates_shared",
            "Pieces of the estimates written to their bucket, taken over from it, or not",
            ("outcome",),
            registry=registry,
        )
        self._misrouted = Counter(
            "tokenlane_misrouted_requests",
            "Requests whose measured tokens fit another lane than the one chosen",
            ("lane", "fitting_lane", "cause"),
            registry=registry,
        )
        self.in_flight = Gauge(
            "tokenlane_classifier_in_flight", "Requests pulled and not yet settled", registry=registry
        )
        self._by_lane: dict[tuple[str, str], tuple[Counter, Counter, Counter]] = {}
        self._by_kind: dict[str, tuple[Histogram, Histogram]] = {}
        self._by_cover: dict[tuple[str, str, Cover], Counter] = {}

    def classified(self, lane: str, model: str, budget: Budget) -> None:
        """A request went to its lane."""
        counters = self._by_lane.get((lane, model)) or self._look_up(lane, model)
        counters[0].inc()
        counters[1].inc(budget.prompt_tokens)
        counters[2].inc(budget.output_tokens)

    def decided(self, seconds: float) -> None:
        """A decision took `seconds`."""
        self._seconds.observe(seconds)

    def rejected(self, code: str) -> None:
        """A request ended here."""
        self._rejected.labels(code).inc()

    def repeated(self, standing: str) -> None:
        """A request did not go on, because it was there before."""
        self._repeated.labels(standing).inc()

    def retried(self, reason: str) -> None:
        """A delivery went back to the bus."""
        self._retries.labels(reason).inc()

    def answered(self, event: UsageEvent, level: str) -> None:
        """An answer told how far the estimates were off. `level`: see `Forward`; empty where another replica made
        them, which counts whether the budget held."""
        errors = self._by_kind.get(event.category) or self._look_up_kind(event.category)
        error = prompt_error(event)
        if error is not None:
            errors[0].observe(error)
        error = output_error(event)
        if error is not None:
            errors[1].observe(error)
        if level:
            outcome = (event.category, level, cover(event))
            counter = self._by_cover.get(outcome)
            if counter is None:
                counter = self._by_cover[outcome] = self._covered.labels(*outcome)
            counter.inc()

    def learned(self, event: UsageEvent, prompt: PromptEstimates) -> None:
        """An answer taught something."""
        view = prompt.ratio(event.model, event.category)
        if view.observations:
            self._ratio.labels(event.model, event.category).set(view.mean)

    def shared(self, outcome: str) -> None:
        """A piece of the estimates was written, absorbed, found in conflict, ignored or failed."""
        self._shared.labels(outcome).inc()

    def misrouted(self, misrouting: Misrouting) -> None:
        """An answer told that another lane would have done."""
        self._misrouted.labels(misrouting.lane, misrouting.fitting, misrouting.cause).inc()

    def _look_up(self, lane: str, model: str) -> tuple[Counter, Counter, Counter]:
        counters = (
            self._requests.labels(lane, model),
            self._tokens.labels(lane, model, "prompt"),
            self._tokens.labels(lane, model, "output"),
        )
        self._by_lane[lane, model] = counters
        return counters

    def _look_up_kind(self, category: str) -> tuple[Histogram, Histogram]:
        errors = self._by_kind[category] = (self._errors.labels(category), self._output_errors.labels(category))
        return errors
