"""What came to each lane, how long it waited there, and who ran it. Pure."""

from dataclasses import dataclass, field

from tokenlane_cli.record.rows import Row
from tokenlane_cli.tune.tally import Tally

MOST_WORKERS = 4096


@dataclass(slots=True)
class LaneTraffic:
    """Requests that waited in a lane last. Times in microseconds from acceptance, `first_data_us` of streamed answers.
    `largest_chosen`: the largest length by which one was sent here, in tokens; `taken`: run by another lane's worker;
    `moved`: outgrew another lane's engine and came here; `budget_tokens` and `budgeted_tokens`: budgets, and what was
    taken of them."""

    requests: int = 0
    total: Tally = field(default_factory=Tally)
    queue_wait_us: Tally = field(default_factory=Tally)
    first_data_us: Tally = field(default_factory=Tally)
    output_tokens: int = 0
    largest_chosen: int = 0
    taken: int = 0
    moved: int = 0
    budget_tokens: int = 0
    budgeted_tokens: int = 0

    def add(self, row: Row) -> None:
        """One more request."""
        self.requests += 1
        self.total.add(row.input_length + row.output_length)
        self.output_tokens += row.output_length
        if row.worker:
            self.queue_wait_us.add(row.queue_wait_us)
        if row.first_data_us:
            self.first_data_us.add(row.first_data_us)
        self.taken += row.waited_in != ""
        self.moved += row.moved
        if row.output_budget and not row.estimated:
            self.budget_tokens += row.prompt_budget + row.output_budget
            self.budgeted_tokens += row.input_length + row.output_length
        if not row.moved and (chosen := chosen_by(row)) > self.largest_chosen:
            self.largest_chosen = chosen


def chosen_by(row: Row) -> int:
    """The length by which a lane was chosen, in tokens; 0 where it is not known."""
    return row.prompt_budget + (row.typical_output or row.output_budget)


@dataclass(slots=True)
class WorkerTraffic:
    """One worker: times of acceptance of what it ran, in milliseconds since the Unix epoch, and the figures that its
    engine had for preemptions."""

    first_ms: int
    last_ms: int
    fewest: int
    most: int
    requests: int = 0

    @property
    def preemptions(self) -> int:
        """Those between its first and its last request here."""
        return self.most - self.fewest


class Workers:
    """The workers of one lane. Of too many, those that were heard of last are kept."""

    def __init__(self, most: int = MOST_WORKERS) -> None:
        self.by_id: dict[str, WorkerTraffic] = {}
        self._most = most
        self._gone_preemptions = 0

    def add(self, row: Row) -> None:
        """One more request, of a worker that says who it is."""
        found = self.by_id.get(row.worker)
        if found is None:
            if len(self.by_id) >= self._most:
                self._forget()
            found = self.by_id[row.worker] = WorkerTraffic(
                row.timestamp, row.timestamp, row.engine_preemptions, row.engine_preemptions
            )
        found.first_ms = min(found.first_ms, row.timestamp)
        found.last_ms = max(found.last_ms, row.timestamp)
        found.fewest = min(found.fewest, row.engine_preemptions)
        found.most = max(found.most, row.engine_preemptions)
        found.requests += 1

    @property
    def preemptions(self) -> int:
        """Of all engines of the lane."""
        return self._gone_preemptions + sum(worker.preemptions for worker in self.by_id.values())

    def at_once(self, from_ms: int, to_ms: int) -> int:
        """The most workers that were there at a time within the stretch."""
        changes = []
        for worker in self.by_id.values():
            if worker.last_ms >= from_ms and worker.first_ms <= to_ms:
                changes += [(worker.first_ms, 0, 1), (worker.last_ms, 1, -1)]
        here = most = 0
        for _, _, change in sorted(changes):
            here += change
            most = max(most, here)
        return most

    def _forget(self) -> None:
        ranked = sorted(self.by_id, key=lambda name: self.by_id[name].last_ms)
        for name in ranked[: max(1, self._most // 2)]:
            self._gone_preemptions += self.by_id.pop(name).preemptions
