"""One engine's scheduler as an object: requests by their ids, a step at a time. What a step does is in `kernel`."""

from dataclasses import dataclass

from tokenlane_fleet.errors import RequestError
from tokenlane_fleet.kernel import step as kernel
from tokenlane_fleet.kernel.state import NOBODY
from tokenlane_fleet.limits import SchedulerLimits
from tokenlane_fleet.outcome import Batch, StepOutcome, Totals
from tokenlane_fleet.request import Request


@dataclass(slots=True)
class _Sequence:
    prompt_tokens: int
    end: int
    total: int
    computed: int = 0
    blocks: int = 0
    slots: int = 0
    before: int = NOBODY
    after: int = NOBODY
    preemptions: int = 0


@dataclass(slots=True)
class _Engine:
    free_blocks: int
    num_running: int = 0
    num_waiting: int = 0
    first_waiting: int = NOBODY
    last_waiting: int = NOBODY
    prefill_left: int = 0
    budget: int = 0
    num_scheduled: int = 0
    num_admitted: int = 0
    num_emitted: int = 0
    num_finished: int = 0
    num_preempted: int = 0
    prefill_tokens: int = 0
    decode_seqs: int = 0
    context_tokens: int = 0
    attention_pairs: int = 0
    steps: int = 0
    preemptions: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0


class _Step:
    __slots__ = ("emitted", "finished", "preempted", "scheduled", "tokens")

    def __init__(self, rows: int) -> None:
        self.scheduled = [0] * rows
        self.tokens = [0] * rows
        self.emitted = [0] * rows
        self.finished = [0] * rows
        self.preempted = [0] * rows


class Scheduler:
    """One engine's scheduler. Time is the caller's: a step's outcome is due `StepCost.seconds(outcome.batch)` later."""

    def __init__(self, limits: SchedulerLimits) -> None:
        self.limits = limits
        self._engine = _Engine(limits.usable_blocks)
        self._running = [NOBODY] * limits.max_num_seqs
        self._step = _Step(limits.max_num_seqs)
        self._sequences: dict[int, _Sequence] = {}

    @property
    def totals(self) -> Totals:
        engine = self._engine
        return Totals(engine.steps, engine.preemptions, engine.prompt_tokens, engine.generation_tokens)

    @property
    def num_running(self) -> int:
        return self._engine.num_running

    @property
    def num_waiting(self) -> int:
        return self._engine.num_waiting

    @property
    def free_blocks(self) -> int:
        return self._engine.free_blocks

    @property
    def kv_usage(self) -> float:
        """The fraction of usable blocks in use, 0..1."""
        return 1 - self._engine.free_blocks / self.limits.usable_blocks

    def has_work(self) -> bool:
        return bool(self._engine.num_running or self._engine.num_waiting)

    def add(self, request: Request) -> None:
        """Queue `request`. Its output is cut where prompt and output reach `max_model_len`. Raises RequestError."""
        if request.prompt_tokens < 1 or request.output_tokens < 1:
            raise RequestError(f"request {request.id} needs at least one prompt token and one output token")
        if request.prompt_tokens >= self.limits.max_model_len:
            raise RequestError(
                f"request {request.id}: a prompt of {request.prompt_tokens} tokens leaves no room "
                f"in a context of {self.limits.max_model_len}"
            )
        if request.id in self._sequences:
            raise RequestError(f"request {request.id} is already here")
        end = min(request.prompt_tokens + request.output_tokens, self.limits.max_model_len)
        self._sequences[request.id] = _Sequence(request.prompt_tokens, end, request.prompt_tokens)
        kernel.add(self._engine, self._sequences, request.id)

    def abort(self, request_id: int) -> bool:
        """Forget a request and free its blocks. False if it is not here (finished, or never added)."""
        if request_id not in self._sequences:
            return False
        kernel.abort(self._engine, self._sequences, self._running, request_id)
        del self._sequences[request_id]
        return True

    def step(self) -> StepOutcome:
        """Schedule one step and account for it as computed. With nothing to do the outcome is empty."""
        engine, step = self._engine, self._step
        kernel.step(engine, self.limits, self._sequences, self._running, step)
        scheduled = step.scheduled[: engine.num_scheduled]
        finished = step.finished[: engine.num_finished]
        for request_id in finished:
            del self._sequences[request_id]
        return StepOutcome(
            scheduled=scheduled,
            scheduled_tokens=step.tokens[: engine.num_scheduled],
            admitted=scheduled[engine.num_scheduled - engine.num_admitted :],
            emitted=step.emitted[: engine.num_emitted],
            finished=finished,
            preempted=step.preempted[: engine.num_preempted],
            batch=Batch(
                engine.prefill_tokens,
                engine.decode_seqs,
                engine.num_scheduled,
                engine.context_tokens,
                engine.attention_pairs,
            ),
        )
