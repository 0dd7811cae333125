"""Keeping what a stream has said so far, so that another worker can go on with it."""

import asyncio
import contextlib

from tokenlane.v1.recovery_pb2 import AttemptEnd, Checkpoint, Progress
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import BusError
from tokenlane_chassis.tasks import end
from tokenlane_proto import events, headers, subjects, topology
from tokenlane_worker.answer import Answer
from tokenlane_worker.framing import parts
from tokenlane_worker.job import Job

_FIRST_S = 1.0
_GROWTH = 0.1


def pause_s(streamed_s: float) -> float:
    """Seconds until the next checkpoint of an attempt that has streamed for `streamed_s`: a tenth of that, so that what
    is lost stays small beside what is kept, and the number of checkpoints too."""
    return max(_FIRST_S, _GROWTH * streamed_s)


class Checkpoints:
    """Writes the checkpoints of one attempt in the background, each what came since the last. No token waits for one:
    a timer asks for them, and what could not be written is part of the next."""

    def __init__(self, bus: Bus, job: Job, answer: Answer) -> None:
        self._bus = bus
        self._job = job
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._began_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        # Chunks of the answer that are written.
        self._chunks = 0
        # Any of this attempt was written.
        self.written = False

    def begin(self) -> None:
        """The stream begins; what the answer holds of earlier attempts' checkpoints is written already."""
        self._chunks = min(1, len(self._answer.chunks))
        self._began_s = self._loop.time()
        self._timer = self._loop.call_later(pause_s(0), self._due)

    def close(self) -> None:
        """Begin nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Return when nothing is being written any more: a request that has ended must not be followed by
        checkpoints."""
        self.close()
        if self._task is not None:
            await end(self._task)

    async def last(self) -> None:
        """Write all there is. Raises BusError."""
        await self.stop()
        await self._write()

    def _due(self) -> None:
        if len(self._answer.chunks) > self._chunks:
            self._task = self._loop.create_task(self._write_and_go_on(), name="checkpoint")
        else:
            self._go_on()

    async def _write_and_go_on(self) -> None:
        # What is not known to be stored is written again with the next.
        with contextlib.suppress(BusError):
            await self._write()
        self._go_on()

    def _go_on(self) -> None:
        self._timer = self._loop.call_later(pause_s(self._loop.time() - self._began_s), self._due)

    async def _write(self) -> None:
        answer = self._answer
        upto = len(answer.chunks)
        data = b"".join(answer.chunks[self._chunks : upto])
        if not data:
            return
        self._job.recorded = True
        for first_event, piece in parts(data, answer.checkpointed, self._bus.max_payload // 2):
            await self._publish(first_event, piece)
        answer.checkpointed += events.count(data)
        self._chunks = upto
        self.written = True

    async def _publish(self, first_event: int, data: bytes) -> None:
        job = self._job
        part = Checkpoint(attempt=job.attempt, first_event=first_event, data=data)
        if not self.written:
            part.head.CopyFrom(self._answer.known_head())
        name = f"{job.attempt}.{first_event}-{first_event + events.count(data)}"
        await record(self._bus, job, Progress(checkpoint=part), name)


async def record_end(bus: Bus, job: Job, ended: AttemptEnd) -> None:
    """Keep how an attempt ended that did not end the request. Raises BusError."""
    await record(bus, job, Progress(ended=ended), f"{ended.attempt}.end")


async def record(bus: Bus, job: Job, entry: Progress, name: str) -> None:
    """Keep an entry of a request's progress, `name` being its own within the request. Raises BusError."""
    job.recorded = True
    request_id = job.request.request_id
    fields = {headers.MSG_ID: f"{job.tenant}.{request_id}.{job.delivery.stream_seq}.{name}"}
    await bus.publish_durable(subjects.progress(job.tenant, request_id), entry.SerializeToString(), fields)


async def forget(bus: Bus, job: Job) -> None:
    """The request has ended: its progress is of no use any more. Raises BusError."""
    if job.recorded:
        await bus.purge(topology.PROGRESS, subjects.progress(job.tenant, job.request.request_id))
