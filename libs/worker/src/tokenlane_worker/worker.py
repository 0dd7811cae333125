"""The worker: deliveries in, settled requests out."""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine

import structlog

from tokenlane.v1.reply_pb2 import Outcome, Usage, UsageEvent
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis.bus import Bus, Delivery, Message, Puller
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError
from tokenlane_chassis.results import publish_error
from tokenlane_chassis.tasks import end
from tokenlane_proto import subjects
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.topology import ConsumerSpec
from tokenlane_worker import credit
from tokenlane_worker.answer import Answer
from tokenlane_worker.decision import End, Retry, after_engine_error, cancelled, expired, too_large
from tokenlane_worker.engine.errors import EngineError
from tokenlane_worker.engine.protocol import Engine
from tokenlane_worker.job import Job, is_expired, read_job
from tokenlane_worker.metrics import WorkerMetrics
from tokenlane_worker.tracing import JobTracing

_STORE_RETRY_S = 0.5
# How long results may take to be stored once the process has to end.
_SETTLE_S = 10
_CANCELLED_KEPT = 65_536


class Worker:
    """Runs the jobs of one lane on one engine. All of it lives on one event loop."""

    def __init__(
        self,
        bus: Bus,
        engine: Engine,
        *,
        lane: str,
        simulated: bool,
        capacity: credit.Capacity,
        consumer: ConsumerSpec,
        max_attempts: int,
        metrics: WorkerMetrics,
        tracing: JobTracing,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._bus = bus
        self._engine = engine
        self._lane = lane
        self._simulated = simulated
        self._capacity = capacity
        self._consumer = consumer
        self._max_attempts = max_attempts
        self._metrics = metrics
        self._tracing = tracing
        self._log = log
        self._load = credit.NOTHING
        self._held: deque[Job] = deque()
        self._running: dict[tuple[str, str], tuple[Job, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Requests to drop if they come here, with the time of their cancellation: an id may be used again later.
        self._cancelled: dict[tuple[str, str], int] = {}
        self._puller: Puller | None = None
        self._draining = False
        metrics.capacity_tokens.set(capacity.tokens)

    async def start(self) -> None:
        """Begin to pull."""
        self._puller = await self._bus.pull(self._consumer, self.receive, self._target)

    async def heartbeat(self) -> None:
        """Tell the bus, three times within its patience, that what was pulled is being worked on. Runs for ever."""
        while True:
            await asyncio.sleep(self._consumer.ack_wait_s / 3)
            for job in [*self._held, *(job for job, _ in self._running.values())]:
                job.delivery.in_progress()

    def receive(self, delivery: Delivery) -> None:
        """A delivery of the lane."""
        try:
            job = read_job(delivery, self._capacity)
        except MalformedMessageError as error:
            self._spawn(self._reject(delivery, str(error)))
            return
        if job.key in self._running:
            # Redelivered while it still runs here: the signs of life were lost, the work was not.
            job.delivery.in_progress()
            return
        job.cancelled = job.request.accepted_unix_ms <= self._cancelled.get(job.key, -1)
        self._held.append(job)
        self._admit()

    def cancel(self, message: Message) -> None:
        """A cancellation, of what runs here, waits here, or may come here later. Most are for other workers."""
        key = (subjects.tenant_of(message.subject), message.data.decode(errors="replace"))
        found = self._running.get(key)
        if found is not None:
            found[0].cancelled = True
            found[1].cancel()
            return
        for job in self._held:
            if job.key == key:
                job.cancelled = True
        # It may still wait in the lane, and come here.
        self._cancelled[key] = unix_ms()
        if len(self._cancelled) > _CANCELLED_KEPT:
            del self._cancelled[next(iter(self._cancelled))]

    async def drain(self, grace_s: float) -> None:
        """Stop pulling, let what runs finish within `grace_s`, hand the rest back to the lane."""
        self._draining = True
        if self._puller is not None:
            await self._puller.stop()
        while self._held:
            self._held.popleft().delivery.nak()
        if self._tasks:
            self._log.info("draining", running=len(self._running), grace_s=grace_s)
            await asyncio.wait(self._tasks, timeout=grace_s)
        for _, task in list(self._running.values()):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_SETTLE_S)
        for task in list(self._tasks):
            # Its result cannot be stored: unacknowledged, the request goes to another worker.
            await end(task)

    def _target(self) -> int:
        return 0 if self._draining else credit.pull_target(self._capacity, self._load, len(self._held))

    def _admit(self) -> None:
        while self._held and credit.fits(self._capacity, self._load, self._held[0].cost):
            job = self._held.popleft()
            self._load = credit.plus(self._load, job.cost)
            self._running[job.key] = (job, self._spawn(self._run(job)))
        self._metrics.committed_tokens.set(self._load.tokens)
        self._metrics.running.set(len(self._running))

    def _release(self, job: Job) -> None:
        self._running.pop(job.key, None)
        self._load = credit.minus(self._load, job.cost)
        self._admit()
        if self._puller is not None:
            self._puller.poke()

    async def _run(self, job: Job) -> None:
        wait_us = max(0, time.time_ns() // 1000 - job.request.accepted_unix_ms * 1000)
        answer = Answer(self._bus, job, self._lane, self._simulated, wait_us)
        with self._tracing.span(job, wait_us):
            try:
                verdict = await self._generate(job, answer, wait_us)
            finally:
                # From here on the outcome is decided: the task is no longer to be found by a cancellation.
                self._release(job)
            await self._settle(job, answer, verdict)

    async def _generate(self, job: Job, answer: Answer, wait_us: int) -> End | Retry | None:
        if job.cancelled:
            return cancelled()
        if is_expired(job.request, unix_ms()):
            return expired()
        self._metrics.queue_wait.observe(wait_us / 1e6)
        try:
            await self._engine.generate(job.path, job.request.body, answer)
        except EngineError as error:
            return after_engine_error(str(error), job.delivery.attempt, self._max_attempts)
        except asyncio.CancelledError:
            return cancelled() if job.cancelled else Retry(0)
        return None

    async def _settle(self, job: Job, answer: Answer, verdict: End | Retry | None) -> None:
        if isinstance(verdict, Retry):
            self._metrics.returned.inc()
            job.delivery.nak(verdict.delay_s)
            return
        if verdict is None:
            counted = answer.end()
            verdict = too_large() if answer.too_large else None
        while True:
            try:
                await (answer.store() if verdict is None else self._end_with_error(job, answer, verdict))
                break
            except MessageTooLargeError:
                verdict = too_large()
            except BusUnavailableError as error:
                self._log.warning("result not stored yet", request=job.request.request_id, reason=str(error))
                job.delivery.in_progress()
                await asyncio.sleep(_STORE_RETRY_S)
        job.delivery.ack()
        if verdict is None:
            self._metrics.completed.inc()
            self._publish_usage(job.tenant, job.request, counted)
        else:
            self._metrics.ended(verdict.outcome).inc()

    async def _end_with_error(self, job: Job, answer: Answer, end: End) -> None:
        await publish_error(
            self._bus,
            job.tenant,
            job.request,
            status=end.status,
            message=end.message,
            error_type=end.error_type,
            code=end.code,
            outcome=end.outcome,
            attempt=job.delivery.attempt,
            seq=answer.seq,
            begun=answer.seq > 0,
        )

    def _publish_usage(self, tenant: str, request: Request, counted: Usage | None) -> None:
        if counted is None:
            return
        self._metrics.prompt_tokens.inc(counted.prompt_tokens)
        self._metrics.completion_tokens.inc(counted.completion_tokens)
        given = request.classification
        event = UsageEvent(
            request_id=request.request_id,
            model=request.facts.model,
            lane=self._lane,
            category=given.category,
            body_bytes=len(request.body),
            estimated_prompt_tokens=given.prompt_tokens,
            budget_output_tokens=given.output_tokens,
            usage=counted,
        )
        self._bus.post(subjects.usage(tenant), event.SerializeToString())

    async def _reject(self, delivery: Delivery, reason: str) -> None:
        self._log.warning("malformed message in the lane", subject=delivery.subject, reason=reason)
        request = Request(request_id=f"lane-{delivery.stream_seq}")
        parts = delivery.subject.split(".")
        tenant = parts[3] if len(parts) > 3 else "unknown"
        await publish_error(self._bus, tenant, request, status=400, message=reason, attempt=delivery.attempt)
        self._metrics.ended(Outcome.OUTCOME_FAILED).inc()
        delivery.ack()

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
