"""Carrying out what was decided of an attempt: store, tell, clean up, and only then acknowledge."""

import contextlib

from tokenlane.v1.recovery_pb2 import AttemptEnd
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Delivery
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusError, BusUnavailableError
from tokenlane_proto import headers, subjects, topology
from tokenlane_worker.checkpointing import forget, record_end
from tokenlane_worker.dead_letters import bury, dead_letter
from tokenlane_worker.decision import Completed, End, Gone, Reroute, Retry, Settled, Verdict, not_stored
from tokenlane_worker.job import Job
from tokenlane_worker.posting import Posting
from tokenlane_worker.rerouting import for_lane
from tokenlane_worker.retrying import persistently
from tokenlane_worker.station import Station
from tokenlane_worker.telling import usage_event


class Settling:
    """Settles jobs. Stopped at any point, by a kill too, it leaves what the next attempt finishes: nothing is shown
    whole before it is stored, nothing is acknowledged before both."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._bus = station.bus
        self._metrics = station.metrics

    async def settle(self, job: Job, verdict: Verdict) -> None:
        """Carry out a verdict. Waits for the bus as long as it takes: cancel it once the claim is lost."""
        if job.checkpoints is not None and not isinstance(verdict, Retry):
            await job.checkpoints.stop()
        match verdict:
            case Completed():
                await self._complete(job)
            case End():
                await self._end(job, verdict)
            case Settled():
                await self._stored_before(job)
                await self._finish(job)
            case Reroute():
                await self._reroute(job, verdict)
            case Retry():
                await self._give_back(job, verdict)
            case Gone():
                self._metrics.lost.inc()

    async def reject(self, delivery: Delivery, reason: str) -> None:
        """End what cannot be read."""
        self._station.log.warning("malformed message in the lane", subject=delivery.subject, reason=reason)
        request = Request(request_id=f"lane-{delivery.stream_seq}")
        parts = delivery.subject.split(".")
        tenant = parts[4] if len(parts) > 4 else "unknown"
        await persistently(
            lambda: results.publish_error(
                self._bus, tenant, request, status=400, message=reason, attempt=delivery.attempt
            ),
            self._station.log,
            "result",
        )
        self._metrics.ended(Outcome.OUTCOME_FAILED).inc()
        delivery.ack()

    async def _complete(self, job: Job) -> None:
        answer = job.answer
        assert answer is not None
        counted = answer.complete()
        body, fields = answer.body(), answer.fields()
        try:
            stored = await persistently(
                lambda: results.store(self._bus, job.tenant, job.request.request_id, body, fields),
                self._station.log,
                "result",
            )
        except BusError as error:
            await self._end(job, not_stored(str(error)))
            return
        if not stored:
            await self._stored_before(job)
            await self._finish(job)
            return
        answer.end()
        await self._finish(job)
        self._metrics.completed.inc()
        if counted is not None:
            self._metrics.prompt_tokens.inc(counted.prompt_tokens)
            self._metrics.completion_tokens.inc(counted.completion_tokens)
            event = usage_event(self._station, job, counted)
            self._bus.post(subjects.usage(job.tenant), event.SerializeToString())

    async def _end(self, job: Job, end: End) -> None:
        if end.dead:
            letter = dead_letter(job, end.message, self._ended(job, end.cause) if job.answer else None, unix_ms())
            await persistently(lambda: bury(self._bus, job, letter), self._station.log, "dead letter")
        answer = job.answer
        told = await persistently(
            lambda: results.publish_error(
                self._bus,
                job.tenant,
                job.request,
                status=end.status,
                message=end.message,
                error_type=end.error_type,
                code=end.code,
                outcome=end.outcome,
                attempt=job.attempt,
                seq=answer.seq if answer else 0,
                first_event=answer.events if answer else 0,
                begun=answer is not None and answer.begun,
                inboxes=job.listeners.inboxes(),
            ),
            self._station.log,
            "result",
        )
        if not told:
            await self._stored_before(job)
        # A dead letter may be sent again, and needs its body.
        await self._finish(job, keep_body=end.dead)
        self._metrics.ended(end.outcome).inc()

    async def _stored_before(self, job: Job) -> None:
        """Somebody stored a result before: nothing of this attempt counts. Who reads frames finds it; a plain inbox,
        which may belong to a program that cannot, is sent it."""
        if job.answer is not None:
            job.answer.point_to_result()
        else:
            Posting(self._bus, job).point_to_result(job.listeners.framed)
        if job.listeners.plain is None:
            return
        found = await persistently(
            lambda: results.load(self._bus, job.tenant, job.request.request_id), self._station.log, "result"
        )
        if found is not None:
            Posting(self._bus, job).resend(job.listeners.plain, found)

    async def _finish(self, job: Job, keep_body: bool = False) -> None:
        """The result is stored and told. Whatever is left behind here is found by the next attempt, or grows old."""
        with contextlib.suppress(BusUnavailableError):
            await forget(self._bus, job)
        job.delivery.ack()
        if job.request.body_ref.object and not keep_body:
            with contextlib.suppress(BusUnavailableError):
                await self._bus.delete_object(topology.BODY_STORE, job.request.body_ref.object)

    async def _reroute(self, job: Job, reroute: Reroute) -> None:
        lane, moved = reroute.lane, reroute.moved
        why = "outgrew its engine" if moved else "its context was too short"
        ended = self._ended(job, f"rerouted to lane {lane}: {why}", excused=True)

        async def keep() -> None:
            if job.checkpoints is not None:
                await job.checkpoints.last()
            await record_end(self._bus, job, ended)

        payload = for_lane(job.delivery.data, job.attempt, reroute)
        tokens = sum(reroute.budget) if reroute.budget is not None else job.budget_tokens
        subject = subjects.lane(lane, lane, job.request.facts.model, job.tenant, tokens)
        # The same for every delivery of this message, so that it moves once.
        name = f"{job.tenant}.{job.request.request_id}.{job.delivery.stream_seq}.{lane}"
        fields = {headers.MSG_ID: name}
        if headers.TRACEPARENT in job.delivery.headers:
            fields[headers.TRACEPARENT] = job.delivery.headers[headers.TRACEPARENT]
        try:
            await persistently(keep, self._station.log, "rerouting")
            job.leaving = True
            await persistently(
                lambda: self._bus.publish_durable(subject, payload, fields), self._station.log, "rerouting"
            )
        except BusError:
            # There is no room for it: then the refusal, or the end that the engine gave it, is the answer.
            job.leaving = False
            if job.answer is not None and reroute.ending:
                job.answer.data(reroute.ending)
            await self._complete(job)
            return
        job.delivery.ack()
        (self._metrics.moved if moved else self._metrics.rerouted).inc()

    async def _give_back(self, job: Job, retry: Retry) -> None:
        # Where these cannot be stored the claim runs out by itself, and the next attempt asks the readers.
        with contextlib.suppress(BusError):
            if job.checkpoints is not None:
                # A failure that shows nothing of its own must go on counting as one.
                if retry.excused or job.checkpoints.written:
                    await job.checkpoints.last()
                else:
                    await job.checkpoints.stop()
            await record_end(self._bus, job, self._ended(job, retry.reason, retry.excused))
        job.delivery.nak(retry.delay_s)
        self._metrics.returned.inc()

    def _ended(self, job: Job, reason: str, excused: bool = False) -> AttemptEnd:
        return AttemptEnd(
            attempt=job.attempt,
            worker=self._station.worker_id,
            reason=reason[:512],
            handed_over=excused,
            ended_unix_ms=unix_ms(),
        )
