"""Recorded requests, counted by model. Pure; memory is bounded whatever their number."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tokenlane_cli.record.rows import Row
from tokenlane_cli.tune.lanes import LaneTraffic, Workers, chosen_by
from tokenlane_cli.tune.prefill import Prefills
from tokenlane_cli.tune.routes import Routes
from tokenlane_cli.tune.tally import Tally
from tokenlane_fleet.boundary.lengths import Lengths

MOST_MODELS = 16
MOST_LANES = 32
# Thirteen months.
MOST_HOURS = 24 * 400
HOUR_MS = 3_600_000


class Listener(Protocol):
    """Somebody else who wants each row of a model."""

    def add(self, row: Row) -> None: ...


@dataclass(slots=True)
class Hour:
    """What was accepted within an hour."""

    requests: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0


@dataclass(slots=True)
class ModelTraffic:
    """All requests of one model. `lengths`: as boundaries see them; `hours`: by hours since the Unix epoch;
    `estimated`: how many have lengths that no engine counted; `limited`: how many clients set a bound on the output."""

    requests: int = 0
    estimated: int = 0
    first_ms: int = 0
    last_ms: int = 0
    limited: int = 0
    prompt: Tally = field(default_factory=Tally)
    output: Tally = field(default_factory=Tally)
    total: Tally = field(default_factory=Tally)
    lengths: Lengths = field(default_factory=Lengths)
    hours: dict[int, Hour] = field(default_factory=dict)
    lanes: dict[str, LaneTraffic] = field(default_factory=dict)
    workers: dict[str, Workers] = field(default_factory=dict)
    routes: Routes = field(default_factory=Routes)
    prefills: Prefills = field(default_factory=Prefills)
    listeners: tuple[Listener, ...] = ()

    def add(self, row: Row) -> None:
        """One more request."""
        self.first_ms = min(self.first_ms, row.timestamp) if self.requests else row.timestamp
        self.last_ms = max(self.last_ms, row.timestamp)
        self.requests += 1
        self.estimated += row.estimated
        self.limited += row.max_output > 0
        self.prompt.add(row.input_length)
        self.output.add(row.output_length)
        self.total.add(row.input_length + row.output_length)
        self.routes.add(row)
        self.prefills.add(row)
        prompt, output = max(1, row.input_length), row.output_length
        self.lengths.observe(prompt, output, row.timestamp / 1000, chosen_by(row) or None)
        self._count_hour(row)
        self._count_lane(row)
        for listener in self.listeners:
            listener.add(row)

    @property
    def span_s(self) -> float:
        """From the first acceptance to the last."""
        return (self.last_ms - self.first_ms) / 1000

    def _count_hour(self, row: Row) -> None:
        number = row.timestamp // HOUR_MS
        hour = self.hours.get(number)
        if hour is None:
            if len(self.hours) >= MOST_HOURS:
                return
            hour = self.hours[number] = Hour()
        hour.requests += 1
        hour.prompt_tokens += row.input_length
        hour.output_tokens += row.output_length

    def _count_lane(self, row: Row) -> None:
        queue = row.waited_in or row.lane
        if queue in self.lanes or len(self.lanes) < MOST_LANES:
            self.lanes.setdefault(queue, LaneTraffic()).add(row)
        if row.worker and (row.lane in self.workers or len(self.workers) < MOST_LANES):
            self.workers.setdefault(row.lane, Workers()).add(row)


@dataclass(slots=True)
class Traffic:
    """By model, as far as `MOST_MODELS` allow; `left_out`: requests of others."""

    listeners_of: Callable[[], tuple[Listener, ...]] = tuple
    by_model: dict[str, ModelTraffic] = field(default_factory=dict)
    left_out: int = 0

    def add(self, row: Row) -> None:
        """One more request."""
        model = self.by_model.get(row.model)
        if model is None:
            if len(self.by_model) >= MOST_MODELS:
                self.left_out += 1
                return
            model = self.by_model[row.model] = ModelTraffic(listeners=self.listeners_of())
        model.add(row)

    def busiest_model(self) -> str:
        """The model with most tokens; there must be one."""
        return max(self.by_model, key=lambda name: self.by_model[name].total.total)
