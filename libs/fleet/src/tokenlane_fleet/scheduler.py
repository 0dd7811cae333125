"""vLLM V1's scheduler as a pure, deterministic state machine.

Modelled on vLLM 0.32: continuous batching with chunked prefill under a token budget a step; running sequences first,
then waiting ones first come, first served; KV blocks allocated on demand; when none is free the latest running
sequence is preempted, to be recomputed from the front of the waiting queue, and nothing is admitted in that step.

Not modelled: prefix caching, priorities, speculative decoding, and the one-step lag of asynchronous scheduling (a
finished sequence frees its blocks here at the end of its own step).
"""

from collections import deque

from tokenlane_fleet.errors import RequestError
from tokenlane_fleet.limits import SchedulerLimits
from tokenlane_fleet.outcome import Batch, StepOutcome, Totals
from tokenlane_fleet.request import Request, Sequence


class _Plan:
    """What the step under way has scheduled so far."""

    __slots__ = ("admitted", "budget", "preempted", "sequences", "tokens")

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.sequences: list[Sequence] = []
        self.tokens: list[int] = []
        self.admitted: list[int] = []
        self.preempted: list[int] = []

    def schedule(self, sequence: Sequence, tokens: int) -> None:
        self.sequences.append(sequence)
        self.tokens.append(tokens)
        self.budget -= tokens


class Scheduler:
    """One engine's scheduler. Time is the caller's: a step's outcome is due `StepCost.seconds(outcome.batch)` later."""

    def __init__(self, limits: SchedulerLimits) -> None:
        self.limits = limits
        self.totals = Totals()
        self._free_blocks = limits.usable_blocks
        self._running: list[Sequence] = []
        self._waiting: deque[Sequence] = deque()
        self._alive: dict[int, Sequence] = {}

    @property
    def num_running(self) -> int:
        return len(self._running)

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    @property
    def free_blocks(self) -> int:
        return self._free_blocks

    @property
    def kv_usage(self) -> float:
        """The fraction of usable blocks in use, 0..1."""
        return 1 - self._free_blocks / self.limits.usable_blocks

    def has_work(self) -> bool:
        return bool(self._running or self._waiting)

    def add(self, request: Request) -> None:
        """Queue `request`. Its output is cut where prompt and output reach `max_model_len`. Raises RequestError."""
        if request.prompt_tokens < 1 or request.output_tokens < 1:
            raise RequestError(f"request {request.id} needs at least one prompt token and one output token")
        if request.prompt_tokens >= self.limits.max_model_len:
            raise RequestError(
                f"request {request.id}: a prompt of {request.prompt_tokens} tokens leaves no room "
                f"in a context of {self.limits.max_model_len}"
            )
        if request.id in self._alive:
            raise RequestError(f"request {request.id} is already here")
        sequence = Sequence(request, self.limits.max_model_len)
        self._alive[request.id] = sequence
        self._waiting.append(sequence)

    def abort(self, request_id: int) -> bool:
        """Forget a request and free its blocks. False if it is not here (finished, or never added)."""
        sequence = self._alive.pop(request_id, None)
        if sequence is None:
            return False
        if sequence.blocks:
            self._running.remove(sequence)
            self._free(sequence)
        else:
            self._waiting.remove(sequence)
        return True

    def step(self) -> StepOutcome:
        """Schedule one step and account for it as computed. With nothing to do the outcome is empty."""
        plan = _Plan(self.limits.max_num_batched_tokens)
        cap = self._chunk_cap()
        self._schedule_running(plan, cap)
        if not plan.preempted:
            self._schedule_waiting(plan, cap)
        self.totals.steps += 1
        return self._compute(plan)

    def _chunk_cap(self) -> int:
        """A request alone has nobody to starve, so the cap does not bind it."""
        threshold = self.limits.long_prefill_token_threshold
        if threshold and len(self._running) + len(self._waiting) > 1:
            return threshold
        return self.limits.max_num_batched_tokens

    def _schedule_running(self, plan: _Plan, cap: int) -> None:
        running = self._running
        index = 0
        while index < len(running) and plan.budget > 0:
            sequence = running[index]
            tokens = min(sequence.total - sequence.computed, cap, plan.budget)
            if sequence.computed + tokens > sequence.slots and not self._make_room(sequence, tokens, plan):
                return
            plan.schedule(sequence, tokens)
            index += 1

    def _make_room(self, sequence: Sequence, tokens: int, plan: _Plan) -> bool:
        """Allocate for `tokens` more, preempting from the end; False if `sequence` itself had to go."""
        blocks = self._blocks_for(sequence.computed + tokens) - sequence.blocks
        while blocks > self._free_blocks:
            victim = self._running.pop()
            self._preempt(victim)
            plan.preempted.append(victim.id)
            if victim is sequence:
                return False
        self._allocate(sequence, blocks)
        return True

    def _schedule_waiting(self, plan: _Plan, cap: int) -> None:
        while self._waiting and plan.budget > 0 and len(self._running) < self.limits.max_num_seqs:
            sequence = self._waiting[0]
            tokens = min(sequence.total, cap, plan.budget)
            if not self._fits(sequence, tokens):
                return
            self._waiting.popleft()
            self._allocate(sequence, self._blocks_for(tokens))
            self._running.append(sequence)
            plan.schedule(sequence, tokens)
            plan.admitted.append(sequence.id)

    def _fits(self, sequence: Sequence, tokens: int) -> bool:
        headroom = self.limits.watermark_blocks if self._running else 0
        must_hold = sequence.total if self.limits.reserve_full_prompt else tokens
        return self._blocks_for(must_hold) + headroom <= self._free_blocks

    def _compute(self, plan: _Plan) -> StepOutcome:
        """Advance every scheduled sequence; those that caught up emit a token."""
        emitted: list[int] = []
        finished: list[int] = []
        prefill_tokens = decode_seqs = context_tokens = attention_pairs = 0
        for sequence, tokens in zip(plan.sequences, plan.tokens, strict=True):
            if sequence.generated and tokens == 1 and sequence.total - sequence.computed == 1:
                decode_seqs += 1
            else:
                prefill_tokens += tokens
                attention_pairs += tokens * sequence.computed + tokens * (tokens + 1) // 2
            sequence.computed += tokens
            context_tokens += sequence.computed
            if sequence.computed == sequence.total:
                emitted.append(sequence.id)
                if self._emit(sequence):
                    finished.append(sequence.id)
        if finished:
            self._running = [sequence for sequence in self._running if sequence.total < sequence.end]
        return StepOutcome(
            scheduled=[sequence.id for sequence in plan.sequences],
            scheduled_tokens=plan.tokens,
            admitted=plan.admitted,
            emitted=emitted,
            finished=finished,
            preempted=plan.preempted,
            batch=Batch(prefill_tokens, decode_seqs, len(plan.sequences), context_tokens, attention_pairs),
        )

    def _emit(self, sequence: Sequence) -> bool:
        """One more token; True if it was the last, and the sequence is gone."""
        if not sequence.generated:
            self.totals.prompt_tokens += sequence.prompt_tokens
        sequence.generated += 1
        sequence.total += 1
        self.totals.generation_tokens += 1
        if sequence.total < sequence.end:
            return False
        del self._alive[sequence.id]
        self._free(sequence)
        return True

    def _preempt(self, sequence: Sequence) -> None:
        self._free(sequence)
        sequence.computed = 0
        self._waiting.appendleft(sequence)
        self.totals.preemptions += 1

    def _blocks_for(self, tokens: int) -> int:
        return -(-tokens // self.limits.block_size)

    def _allocate(self, sequence: Sequence, blocks: int) -> None:
        self._free_blocks -= blocks
        sequence.blocks += blocks
        sequence.slots += blocks * self.limits.block_size

    def _free(self, sequence: Sequence) -> None:
        self._free_blocks += sequence.blocks
        sequence.blocks = 0
        sequence.slots = 0
