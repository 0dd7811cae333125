"""One attempt at one request: from the claim to what is to become of it."""

import asyncio
import random

from tokenlane_chassis.clock import unix_ms
from tokenlane_proto import subjects, topology
from tokenlane_worker import decision
from tokenlane_worker.answer import Answer
from tokenlane_worker.checkpointing import Checkpoints
from tokenlane_worker.decision import Completed, Reroute, Retry, Stop, Verdict
from tokenlane_worker.engine.errors import EngineError, EngineUnavailableError
from tokenlane_worker.engine.protocol import Sink
from tokenlane_worker.job import Job, is_expired, left_s
from tokenlane_worker.recovery import NOTHING_FOUND, Found, recover, started_message
from tokenlane_worker.rerouting import LaneTable, says_too_short
from tokenlane_worker.resume.attempt import go_on
from tokenlane_worker.resume.plan import Continue, Finished, Impossible, Regenerate, Restart, plan
from tokenlane_worker.resume.sinks import DivergedError, RegeneratedSink
from tokenlane_worker.retrying import persistently
from tokenlane_worker.station import Station


class Attempts:
    """Makes attempts. `connected_ms`: since when this worker hears what is said on the bus, in milliseconds since the
    Unix epoch."""

    def __init__(self, station: Station, lanes: LaneTable) -> None:
        self._station = station
        self._lanes = lanes
        self.connected_ms = 0

    async def make(self, job: Job, queue_wait_us: int) -> Verdict:
        """Make an attempt. Raises CancelledError only where nobody stopped the job."""
        deadline = left_s(job.request, unix_ms())
        loop = asyncio.get_running_loop()
        alarm = None if deadline is None else loop.call_later(max(0.0, deadline), job.stop, Stop.EXPIRED)
        try:
            verdict = await self._make(job, queue_wait_us)
        except asyncio.CancelledError:
            if job.stopped is None:
                raise
            verdict = decision.after_stop(job.stopped, job.reason, job.delay_s)
        except Exception as error:
            # Something that breaks while it is being stopped was stopped.
            stopped = job.stopped
            verdict = self._broken(job, error) if stopped is None else decision.after_stop(stopped, job.reason)
        finally:
            if alarm is not None:
                alarm.cancel()
        return decision.Gone() if job.delivery.lost else verdict

    async def _make(self, job: Job, queue_wait_us: int) -> Verdict:
        station = self._station
        if job.stopped is not None:
            # Before its first step; nothing was begun that would have to be recovered.
            if job.stopped is Stop.EXPIRED:
                return decision.expired()
            return decision.after_stop(job.stopped, job.reason, job.delay_s)
        found = await self._begin(job)
        if not isinstance(found, Found):
            return found
        if is_expired(job.request, unix_ms()):
            return decision.expired()
        body = await self._body(job)
        if body is None:
            return decision.body_missing()
        station.metrics.queue_wait.observe(queue_wait_us / 1e6)
        answer = self._answer(job, queue_wait_us)
        return await self._go_on(job, answer, body, found)

    async def _begin(self, job: Job) -> Found | Verdict:
        if job.request.accepted_unix_ms < self.connected_ms:
            # A cancellation may have passed unheard; and a broker that was killed can have forgotten its last
            # deliveries, so that another worker is at it under this very number.
            job.attempt += 1
            job.ahead += 1
        elif job.attempt == 1:
            self._station.bus.post(subjects.started(job.tenant, job.request.request_id), started_message(job))
            return NOTHING_FOUND
        return await recover(self._station, job)

    async def _body(self, job: Job) -> bytes | None:
        name = job.request.body_ref.object
        if not name:
            return job.request.body
        bus = self._station.bus
        return await persistently(lambda: bus.get_object(topology.BODY_STORE, name), self._station.log, "body")

    def _answer(self, job: Job, queue_wait_us: int) -> Answer:
        def streaming() -> None:
            job.checkpoints = Checkpoints(self._station.bus, job, answer)
            job.checkpoints.begin()

        answer = job.answer = Answer(self._station, job, queue_wait_us, streaming)
        return answer

    async def _go_on(self, job: Job, answer: Answer, body: bytes, found: Found) -> Verdict:
        known = found.known
        match plan(job.request.endpoint, body, known):
            case Restart():
                return await self._run(job, answer, body)
            case Continue() as going_on:
                return await self._continue(job, answer, body, found, going_on)
            case Regenerate():
                answer.resume(known, found.checkpointed)
                await self._generate(job, body, RegeneratedSink(answer, known))
                return Completed()
            case Finished(closing):
                return _close(answer, found, closing)
            case Impossible(reason):
                return await self._run(job, answer, body) if found.unseen else decision.interrupted(reason)

    async def _run(self, job: Job, answer: Answer, body: bytes) -> Verdict:
        await self._generate(job, body, answer)
        if answer.status >= 400 and says_too_short(answer.status, answer.body()):
            capacity = self._station.capacity
            lane = self._lanes.larger(job.request.facts.model, self._station.lane, capacity.largest)
            if lane is not None:
                return Reroute(lane)
        return Completed()

    async def _continue(self, job: Job, answer: Answer, body: bytes, found: Found, going_on: Continue) -> Verdict:
        engine, model = self._station.engine, job.request.facts.model
        answer.resume(found.known, found.checkpointed)
        await go_on(
            going_on,
            found.known,
            job.request.endpoint,
            body,
            answer,
            generate=lambda rest, sink: self._generate(job, rest, sink),
            count_tokens=lambda text: engine.count_tokens(text, model),
        )
        return Completed()

    async def _generate(self, job: Job, body: bytes, sink: Sink) -> None:
        if job.stopped is not None:
            # A cancellation can be swallowed by what was awaited before.
            raise asyncio.CancelledError
        await self._station.engine.generate(job.path, body, sink, job.request.request_id)

    def _broken(self, job: Job, error: Exception) -> Verdict:
        match error:
            case EngineUnavailableError():
                return Retry(self._delay_s(job), str(error), excused=True, resting=True)
            case DivergedError():
                return decision.interrupted(str(error))
            case EngineError():
                return self._failed(job, str(error))
        self._station.log.error("attempt failed", request=job.request.request_id, exc_info=error)
        return self._failed(job, f"{type(error).__name__}: {error}")

    def _failed(self, job: Job, reason: str) -> Verdict:
        made_progress = job.checkpoints is not None and job.checkpoints.written
        failed = job.failed + (0 if made_progress else 1)
        return decision.after_failure(reason, failed, self._station.max_attempts, self._delay_s(job))

    def _delay_s(self, job: Job) -> float:
        return decision.backoff_s(job.attempt, random.random(), left_s(job.request, unix_ms()))


def _close(answer: Answer, found: Found, closing: bytes) -> Verdict:
    """Nothing is left to generate."""
    answer.resume(found.known, found.checkpointed)
    if closing:
        answer.data(closing)
    return Completed()
