"""One attempt at one request: from the claim to what is to become of it."""

import asyncio
import random

from tokenlane_chassis.clock import unix_ms
from tokenlane_proto import subjects, topology
from tokenlane_worker import decision
from tokenlane_worker.answering import Answering, Grow
from tokenlane_worker.decision import Retry, Stop, Verdict
from tokenlane_worker.engine.errors import EngineError, EngineUnavailableError
from tokenlane_worker.job import Job, is_expired, left_s
from tokenlane_worker.recovery import NOTHING_FOUND, Found, recover, started_message
from tokenlane_worker.rerouting import LaneTable
from tokenlane_worker.resume.sinks import DivergedError
from tokenlane_worker.retrying import persistently
from tokenlane_worker.station import Station


class Attempts:
    """Makes attempts. `connected_ms`: since when this worker hears what is said on the bus, in milliseconds since the
    Unix epoch."""

    def __init__(self, station: Station, lanes: LaneTable, grow: Grow) -> None:
        self._station = station
        self._answering = Answering(station, lanes, grow)
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
        return await self._answering.answer(job, queue_wait_us, body, found)

    async def _begin(self, job: Job) -> Found | Verdict:
        if job.request.accepted_unix_ms < self.connected_ms:
            # A cancellation may have passed unheard; and a broker that was killed can have forgotten its last
            # deliveries, so that another worker is at it under this very number.
            job.attempt += 1
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
