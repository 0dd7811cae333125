"""Requests that are given up, kept for people to look at."""

from tokenlane.v1.recovery_pb2 import AttemptEnd, DeadLetter
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import MessageTooLargeError
from tokenlane_proto import headers, subjects
from tokenlane_worker.job import Job


def dead_letter(job: Job, reason: str, last: AttemptEnd | None, now_ms: int) -> DeadLetter:
    """The letter for a request that is given up after `last`, its own attempt, if it came to one. Pure."""
    return DeadLetter(
        request=job.request,
        tenant=job.tenant,
        reason=reason,
        history=[*job.history, *([last] if last is not None else [])],
        attempts=job.attempt,
        died_unix_ms=now_ms,
    )


async def bury(bus: Bus, job: Job, letter: DeadLetter) -> None:
    """Keep a letter. Raises BusError."""
    subject = subjects.dead(job.tenant, job.request.request_id)
    fields = {headers.MSG_ID: f"{job.tenant}.{job.request.request_id}.{job.delivery.stream_seq}.{job.attempt}"}
    try:
        await bus.publish_durable(subject, letter.SerializeToString(), fields)
    except MessageTooLargeError:
        del letter.history[:]
        await bus.publish_durable(subject, letter.SerializeToString(), fields)
