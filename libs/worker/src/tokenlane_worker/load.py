"""What an engine has been given, and how much more it may get."""

from collections.abc import Callable
from typing import NamedTuple

from tokenlane_worker import credit
from tokenlane_worker.credit import Capacity, Cost, Sizes
from tokenlane_worker.job import Job
from tokenlane_worker.prefill import Prefill
from tokenlane_worker.pulling import Source
from tokenlane_worker.station import Station


class Credit(NamedTuple):
    """KV tokens, sequences, and prompt tokens not computed, that may still begin. None: any number of them."""

    tokens: int
    sequences: int
    prefill_tokens: int | None


class Load:
    """Counts what runs by token budgets, and prompts that are not computed. `freed` is called when one is."""

    def __init__(self, station: Station, freed: Callable[[], None]) -> None:
        self._station = station
        self._freed = freed
        self._taken = credit.NOTHING
        self._sizes = Sizes()
        self._prefill = Prefill(station.prefill_cap, len(station.lanes) + 1)
        station.metrics.capacity_tokens.set(station.capacity.tokens)

    @property
    def taken(self) -> Cost:
        """By all that runs."""
        return self._taken

    def fits(self, cost: Cost, urgency: int) -> bool:
        """Whether a request of this urgency may begin."""
        return credit.fits(self._capacity(urgency), self._taken, cost)

    def room(self, source: Source) -> int:
        """How many requests of a source may be on their way."""
        each = self._sizes.of(source.queue.lane)
        if source.turn:
            need = min(each, source.need) or source.need
            room = credit.borrow_target(self._station.capacity, self._taken, need)
        else:
            room = credit.pull_target(self._capacity(source.urgency), self._taken, each)
        return self._prefill.limit(room, source.urgency)

    def credit(self, source: Source, held: Cost) -> Credit:
        """What requests of a source may still take, `held` being about to begin."""
        capacity = self._capacity(1 if source.turn else source.urgency)
        left = credit.left(capacity, credit.plus(self._taken, held))
        return Credit(left.tokens, left.sequences, self._prefill.left(source.urgency))

    def begin(self, job: Job) -> None:
        """A job goes to the engine. One that is stopped before computes no prompt."""
        self._taken = credit.plus(self._taken, job.cost)
        if job.cost.sequences:
            self._sizes.seen(job.lane, job.cost)
        if job.request.facts.stream and job.stopped is None:
            self._compute(job)
        else:
            self._prefill.seen(job.request.classification.prompt_tokens)
        self._tell()

    def end(self, job: Job) -> None:
        """It is over."""
        job.prefilled()
        self._taken = credit.minus(self._taken, job.cost)
        self._tell()

    def grow(self, job: Job, tokens: int) -> None:
        """Count a job that runs for `tokens` KV tokens, at least for what it is counted for."""
        grown = credit.grown(job.cost, tokens, self._station.capacity)
        self._taken = credit.plus(credit.minus(self._taken, job.cost), grown)
        job.cost = grown
        self._tell()

    def _capacity(self, urgency: int) -> Capacity:
        """What may be filled with requests that are no more urgent."""
        return credit.spare(self._station.capacity) if urgency else self._station.capacity

    def _compute(self, job: Job) -> None:
        tokens, urgency = job.request.classification.prompt_tokens, self._station.urgency(job.lane)
        self._prefill.begin(tokens, urgency)

        def prefilled() -> None:
            nonlocal tokens
            if tokens:
                self._prefill.end(tokens, urgency)
                tokens = 0
                self._freed()

        job.prefilled = prefilled

    def _tell(self) -> None:
        self._station.metrics.committed_tokens.set(self._taken.tokens)
