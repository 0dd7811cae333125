"""The simulated engine: reads a body, plans its answer, and lets the driver deliver it in time."""

import asyncio
import time
import uuid
from collections.abc import Callable

from tokenlane_fleet import Scheduler
from tokenlane_worker.engine.errors import EngineLostError, EngineUnavailableError
from tokenlane_worker.engine.protocol import EngineInfo, EngineStats, Sink
from tokenlane_worker.engine.simulated.answer import JSON, Answer
from tokenlane_worker.engine.simulated.ask import Ask, read_ask
from tokenlane_worker.engine.simulated.config import SimulatedEngineConfig
from tokenlane_worker.engine.simulated.driver import Driver
from tokenlane_worker.engine.simulated.plan import output_limit, plan_choice
from tokenlane_worker.engine.simulated.refusals import RefusedError
from tokenlane_worker.engine.simulated.stream import Stamp
from tokenlane_worker.engine.simulated.tokens import count_text
from tokenlane_worker.engine.simulated.words import count_words


def _new_id() -> str:
    return uuid.uuid4().hex


class SimulatedEngine:
    """Implements `Engine`. `now` (unix seconds) and `new_id` stamp the answers; nothing else depends on them.

    Making one raises EngineStartError where the settings cannot be.
    """

    def __init__(
        self,
        config: SimulatedEngineConfig,
        now: Callable[[], float] = time.time,
        new_id: Callable[[], str] = _new_id,
    ) -> None:
        self._config = config
        self._now = now
        self._new_id = new_id
        self._profile = config.resolve()
        self._scheduler = Scheduler(self._profile.limits)
        self._driver = Driver(self._scheduler, self._profile.cost, config.speed)
        self._task: asyncio.Task[None] | None = None
        self._death = ""
        self._died = asyncio.Event()

    async def start(self) -> EngineInfo:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._driver.run(), name="simulated-engine")
            self._task.add_done_callback(self._on_driver_end)
        limits = self._profile.limits
        return EngineInfo(
            model=self._config.served_model_name,
            max_model_len=limits.max_model_len,
            kv_capacity_tokens=limits.kv_capacity_tokens,
            block_size=limits.block_size,
            max_num_seqs=limits.max_num_seqs,
            simulated=True,
            max_num_batched_tokens=limits.max_num_batched_tokens,
        )

    async def generate(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
        if self._task is None or self._task.done():
            raise EngineUnavailableError(self._death or "the simulated engine is not running")
        try:
            answer = self._begin(read_ask(path, body, self._config.served_model_name), sink, request_id)
        except RefusedError as refusal:
            sink.head(refusal.status, JSON)
            sink.data(refusal.body)
            return
        try:
            await answer.done
        finally:
            self._driver.remove(answer)

    async def count_tokens(self, text: str, model: str) -> int | None:
        """Exact for what this engine says."""
        return count_words(text) or count_text(text)

    def _begin(self, ask: Ask, sink: Sink, request_id: str) -> Answer:
        max_model_len = self._profile.limits.max_model_len
        limits = [output_limit(ask, tokens, max_model_len) for tokens in ask.prompt_tokens]
        plans = [plan_choice(ask, choice, limits[choice // ask.n]) for choice in range(len(limits) * ask.n)]
        stamp = Stamp(
            id=("chatcmpl-" if ask.chat else "cmpl-") + (request_id or self._new_id()),
            created=int(self._now()),
            model=self._config.served_model_name,
        )
        answer = Answer(ask, plans, stamp, sink, asyncio.get_running_loop().create_future())
        sizes = [(ask.prompt_tokens[choice // ask.n], len(plan.pieces)) for choice, plan in enumerate(plans)]
        self._driver.add(answer, sizes)
        return answer

    async def stats(self) -> EngineStats:
        totals = self._scheduler.totals
        return EngineStats(
            running=self._scheduler.num_running,
            waiting=self._scheduler.num_waiting,
            kv_usage=self._scheduler.kv_usage,
            preemptions=totals.preemptions,
            prompt_tokens=totals.prompt_tokens,
            generation_tokens=totals.generation_tokens,
        )

    async def wait_dead(self) -> str:
        await self._died.wait()
        return self._death

    async def kill(self, reason: str) -> None:
        """Die as a crashing engine does, for drills: requests in flight are lost, and `wait_dead` resolves."""
        self._death = reason
        await self._end(EngineLostError(reason))
        self._died.set()

    async def stop(self) -> None:
        await self._end(EngineLostError("the simulated engine was stopped"))

    async def _end(self, error: EngineLostError) -> None:
        task = self._task
        if task is not None and not task.done():
            task.remove_done_callback(self._on_driver_end)
            task.cancel()
            await asyncio.wait([task])
        self._driver.fail_all(error)

    def _on_driver_end(self, task: asyncio.Task[None]) -> None:
        """The driver never ends by itself, unless it is broken or its loop is closing."""
        error = None if task.cancelled() else task.exception()
        self._death = f"the simulated engine broke: {error!r}" if error else "the simulated engine was cancelled"
        self._driver.fail_all(EngineLostError(self._death))
        self._died.set()
