"""What a second attempt must know before it begins: is there a result, what was tried, what was shown."""

import asyncio
from dataclasses import dataclass

from tokenlane.v1.recovery_pb2 import AttemptStart, Progress, Shown, Started
from tokenlane_chassis.bus import Message
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusError
from tokenlane_proto import codec, headers, subjects, topology
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_worker.checkpointing import record
from tokenlane_worker.decision import End, Settled, expired, given_up
from tokenlane_worker.job import Job, is_expired
from tokenlane_worker.resume.known import DIED, History, Known, assemble, failures, with_shown
from tokenlane_worker.retrying import persistently
from tokenlane_worker.station import Station

# How long readers may take to tell what they have shown.
_ASK_S = 0.5
_MOST_READERS = 4


@dataclass(frozen=True)
class Found:
    """How far the answer came. `checkpointed`: events of `known` that checkpoints hold just so. `unseen`: those who
    read the answer have shown nothing of it."""

    known: Known
    checkpointed: int = 0
    unseen: bool = False


NOTHING_FOUND = Found(Known())


async def recover(station: Station, job: Job) -> Found | Settled | End:
    """Claim a request that may have been tried before, and find out how to go on. Waits for the bus as long as it
    takes."""
    bus, request, log = station.bus, job.request, station.log
    subject = subjects.result(job.tenant, request.request_id)
    if await persistently(lambda: bus.last(topology.RESULTS, subject), log, "result") is not None:
        job.recorded = True
        return Settled()
    if is_expired(request, unix_ms()):
        return expired()
    history = await _history(station, job)
    job.history = history.ends
    delivered_before = job.delivery.attempt > 1 and not request.attempts_before
    job.failed = failures(job.attempt, history, delivered_before)
    if job.failed >= station.max_attempts:
        return given_up(job.failed, history.ends[-1].reason if history.ends else DIED)
    await _start(station, job)
    return await _claim(station, job, history)


async def _start(station: Station, job: Job) -> None:
    """Keep that the attempt begins: if the worker dies with it, the next one counts it."""
    started = AttemptStart(attempt=job.attempt, worker=station.worker_id)

    async def keep() -> None:
        await record(station.bus, job, Progress(started=started), f"{job.attempt}.start")

    try:
        await persistently(keep, station.log, "the attempt's start")
    except BusError as error:
        station.log.warning("the start of an attempt is not kept", request=job.request.request_id, reason=str(error))


async def _history(station: Station, job: Job) -> History:
    """What is kept of the request's progress; numbers the attempt behind all that are found there."""
    subject = subjects.progress(job.tenant, job.request.request_id)
    messages = await persistently(
        lambda: station.bus.messages(topology.PROGRESS, subject), station.log, "earlier attempts"
    )
    entries = [entry for entry in map(_entry, messages) if entry is not None]
    job.recorded = bool(messages)
    past = max(map(_attempt, entries), default=0)
    if past >= job.attempt:
        job.attempt = past + 1
    return assemble(entries)


async def _claim(station: Station, job: Job, history: History) -> Found:
    bus, tenant, request = station.bus, job.tenant, job.request
    known = history.known
    started = started_message(job, known.events)
    bus.post(subjects.claims(tenant), started, {headers.WORKER: station.worker_id})
    if not request.facts.stream:
        bus.post(subjects.started(tenant, request.request_id), started)
        return NOTHING_FOUND
    if _was_moved(job, history):
        # All that was shown is in the checkpoints.
        bus.post(subjects.started(tenant, request.request_id), started)
        return Found(known, known.events)
    questions = [bus.ask(subjects.started(tenant, request.request_id), started, _ASK_S, _MOST_READERS)]
    if request.reply_inbox:
        questions.append(bus.ask(subjects.shown(tenant, request.reply_inbox), started, _ASK_S))
    answers = [answer for replies in await asyncio.gather(*questions) for answer in replies]
    told = [shown for shown in map(_shown, answers) if shown is not None]
    for shown in told:
        known = with_shown(known, shown)
    same = known.data.startswith(history.known.data)
    # A client with a key may come back, and have been shown more by a door that is gone.
    unseen = bool(told) and not any(shown.events for shown in told) and not request.idempotency_key
    return Found(known, history.known.events if same else 0, unseen)


def _was_moved(job: Job, history: History) -> bool:
    """Whether the attempt before wrote down all that it had shown and moved the request here."""
    request = job.request
    return (
        request.moved
        and job.delivery.attempt == 1
        and bool(history.ends)
        and history.ends[-1].attempt == request.attempts_before == job.attempt - 1
    )


def started_message(job: Job, checkpointed_events: int = 0) -> bytes:
    """Tells that this attempt begins."""
    started = Started(request_id=job.request.request_id, attempt=job.attempt, checkpointed_events=checkpointed_events)
    return started.SerializeToString()


def _attempt(entry: Progress) -> int:
    return entry.checkpoint.attempt or entry.ended.attempt or entry.started.attempt


def _entry(message: Message) -> Progress | None:
    try:
        return codec.decode_progress(message.data)
    except MalformedMessageError:
        return None


def _shown(message: Message) -> Shown | None:
    try:
        return codec.decode_shown(message.data)
    except MalformedMessageError:
        return None
