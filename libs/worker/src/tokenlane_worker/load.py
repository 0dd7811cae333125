"""What an engine has been given, and how much more it may get."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tokenlane.v1.request_pb2 import PRIORITY_BATCH
from tokenlane_proto.prefixes import of_prefix, prefix_of
from tokenlane_worker import credit
from tokenlane_worker.credit import Capacity, Cost, Sizes
from tokenlane_worker.job import Job
from tokenlane_worker.prefill import Pace, Prefill
from tokenlane_worker.prefixes import Prefixes, Share
from tokenlane_worker.pulling import Source
from tokenlane_worker.reserve import Reserve
from tokenlane_worker.station import Station


class Credit(NamedTuple):
    """KV tokens, sequences, and prompt tokens not computed, that may still begin. None: any number of them. Of these
    requests of batch priority leave the reserve to others, and who floods so many of the prompt tokens."""

    tokens: int
    sequences: int
    prefill_tokens: int | None
    reserve_tokens: int = 0
    reserve_sequences: int = 0
    reserve_prefill_tokens: int = 0
    flood_reserve_prefill_tokens: int = 0


class Load:
    """Counts what runs by token budgets, and prompts that are not computed. `freed` is called when one is."""

    def __init__(self, station: Station, freed: Callable[[], None]) -> None:
        self._station = station
        self._freed = freed
        # Of it what is not batch.
        self._taken = self._by_others = credit.NOTHING
        self._reserve = Reserve(station.capacity, station.batch_beside)
        self._sizes = Sizes()
        self._prefill = Prefill(station.prefill_cap, len(station.lanes) + 1)
        # The default cap is four steps.
        self._pace = Pace(station.prefill_cap // 4)
        self._prefixes = Prefixes()
        station.metrics.capacity_tokens.set(station.capacity.tokens)

    @property
    def taken(self) -> Cost:
        """By all that runs, a prefix that several share counted once."""
        return Cost(self._taken.tokens - self._prefixes.saved, self._taken.sequences)

    def fits(self, job: Job, urgency: int) -> bool:
        """Whether a request may begin that is so urgent."""
        shared = self._prefixes.saves(self._share(job))
        return credit.fits(self._capacity(urgency), self.taken, Cost(job.cost.tokens - shared, job.cost.sequences))

    def room(self, source: Source) -> int:
        """How many requests of a source may be on their way."""
        lane = source.queue.lane
        most = self._sizes.most(lane)
        if source.turn:
            need = min(most, source.need) or source.need
            room = credit.borrow_target(self._station.capacity, self.taken, need)
        else:
            room = credit.pull_target(self._capacity(source.urgency), self.taken, most, self._sizes.usual(lane))
        return self._prefill.limit(room, source.urgency)

    def credit(self, source: Source, held: Cost) -> Credit:
        """What requests of a source may still take, `held` being about to begin."""
        capacity = self._capacity(1 if source.turn else source.urgency)
        left = credit.left(capacity, credit.plus(self.taken, held))
        batch = self._taken.sequences - self._by_others.sequences
        reserve = self._reserve.left(time.monotonic(), left.sequences, batch)
        prefill = self._prefill.left(source.urgency)
        return Credit(
            left.tokens,
            left.sequences,
            prefill,
            reserve.tokens,
            reserve.sequences,
            self._prefill.batch_reserve,
            self._prefill.flood_reserve,
        )

    def begin(self, job: Job) -> None:
        """A job goes to the engine. One that is stopped before computes no prompt."""
        self._change(job, credit.plus, job.cost)
        if job.cost.sequences:
            job.share = self._share(job)
            self._sizes.seen(job.lane, job.cost, self._prefixes.saves(job.share))
        self._prefixes.begin(job.share, job.cost.tokens)
        job.cached = partial(self._learn, job)
        if job.stopped is not None:
            self._prefill.seen(_to_compute(job))
        elif job.request.facts.stream:
            self._await_first_token(job)
        else:
            self._expect_first_token(job)
        self._tell()

    def end(self, job: Job) -> None:
        """It is over."""
        job.prefilled()
        self._change(job, credit.minus, job.cost)
        self._prefixes.end(job.share, credit.left(self._station.capacity, self.taken).tokens)
        self._tell()

    def grow(self, job: Job, tokens: int) -> None:
        """Count a job that runs for `tokens` KV tokens, at least for what it is counted for."""
        grown = credit.grown(job.cost, tokens, self._station.capacity)
        self._change(job, credit.minus, job.cost)
        self._change(job, credit.plus, grown)
        job.cost = grown
        self._tell()

    def _change(self, job: Job, by: Callable[[Cost, Cost], Cost], cost: Cost) -> None:
        self._taken = by(self._taken, cost)
        if job.request.classification.priority != PRIORITY_BATCH:
            self._by_others = by(self._by_others, cost)
            self._reserve.takes(self._by_others, time.monotonic())

    def _capacity(self, urgency: int) -> Capacity:
        """What may be filled with requests that are no more urgent."""
        return credit.spare(self._station.capacity) if urgency else self._station.capacity

    def _share(self, job: Job) -> Share:
        given = job.request.classification.prompt_tokens
        return self._prefixes.find(prefix_of(job.tenant, job.request.facts), min(given, job.cost.tokens))

    def _learn(self, job: Job, prompt_tokens: int, cached: int) -> None:
        self._station.metrics.cached_tokens.inc(cached)
        self._prefixes.learn(job.share, of_prefix(cached, prompt_tokens, job.request.facts, job.body_bytes))

    def _await_first_token(self, job: Job) -> None:
        computed, began_s = self._compute(job), time.monotonic()
        ahead = self._prefill.tokens

        def prefilled() -> None:
            if job.answer is not None and job.answer.first_data_us:
                self._pace.shown(ahead, time.monotonic() - began_s)
            job.prefilled = computed
            computed()

        job.prefilled = prefilled

    def _expect_first_token(self, job: Job) -> None:
        tokens = _to_compute(job)
        expected_s = self._pace.expected_s(self._prefill.tokens + tokens)
        if expected_s is None:
            self._prefill.seen(tokens)
            return
        job.prefilled = self._compute(job)
        asyncio.get_running_loop().call_later(expected_s, job.prefilled)

    def _compute(self, job: Job) -> Callable[[], None]:
        """Its prompt is begun. What is returned tells that it is computed, or given up."""
        tokens, urgency = _to_compute(job), self._station.urgency(job.lane)
        self._prefill.begin(tokens, urgency)

        def computed() -> None:
            nonlocal tokens
            if tokens:
                self._prefill.end(tokens, urgency)
                tokens = 0
                self._freed()

        return computed

    def _tell(self) -> None:
        self._station.metrics.committed_tokens.set(self.taken.tokens)
        self._station.metrics.shared_tokens.set(self._prefixes.saved)


def _to_compute(job: Job) -> int:
    """Prompt tokens that the engine has to compute."""
    return job.request.classification.prompt_tokens - job.share.tokens
