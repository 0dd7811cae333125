"""What others ask of a worker while it works: cancel, show me too, that one is mine, what about this one?"""

from collections.abc import Callable

from tokenlane.v1.recovery_pb2 import RequestState, RequestStatus
from tokenlane_chassis.bus import Message
from tokenlane_chassis.clock import unix_ms
from tokenlane_proto import codec, headers, subjects, topology
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_worker.decision import Stop
from tokenlane_worker.job import Job
from tokenlane_worker.jobs import Jobs, Key
from tokenlane_worker.station import Station

_STATES = {True: RequestState.REQUEST_STATE_RUNNING, False: RequestState.REQUEST_STATE_QUEUED}


class Controls:
    """Listens to what is said to all workers. Most of it is for others."""

    def __init__(self, station: Station, jobs: Jobs, stop: Callable[[Job, Stop], None]) -> None:
        self._station = station
        self._jobs = jobs
        self._stop = stop

    async def listen(self) -> None:
        """Hear everything that is said from now on."""
        bus = self._station.bus
        await bus.subscribe(topology.ALL_CANCELS, self.cancel)
        await bus.subscribe(topology.ALL_ATTACHES, self.attach)
        await bus.subscribe(topology.ALL_CLAIMS, self.claimed)
        await bus.subscribe(topology.ALL_STATUS, self.status)
        await bus.flush()

    def cancel(self, message: Message) -> None:
        """A cancellation, of what is here or may come here later."""
        key = _key(message)
        if key is None:
            return
        # What is being given back right now comes again.
        self._jobs.remember_cancelled(key, unix_ms())
        job = self._jobs.find(key)
        if job is not None:
            self._stop(job, Stop.CANCELLED)

    def attach(self, message: Message) -> None:
        """One more reader, or one that has missed something."""
        try:
            attach = codec.decode_attach(message.data)
            job = self._jobs.find((subjects.tenant_of(message.subject), attach.request_id))
        except MalformedMessageError as error:
            self._station.log.warning("malformed message", subject=message.subject, reason=str(error))
            return
        if job is None:
            return
        if job.answer is None:
            job.listeners.add(attach.inbox)
            job.early = [*(other for other in job.early if other.inbox != attach.inbox), attach]
        elif job.stopped is not Stop.LOST:
            job.answer.attach(attach)

    def claimed(self, message: Message) -> None:
        """A worker begins another attempt at a request: what runs here of it has lost its claim. Under the same number
        too, since claims are made by whoever the broker gave the request to last."""
        if message.headers.get(headers.WORKER) == self._station.worker_id:
            return
        try:
            started = codec.decode_started(message.data)
            job = self._jobs.find((subjects.tenant_of(message.subject), started.request_id))
        except MalformedMessageError as error:
            self._station.log.warning("malformed message", subject=message.subject, reason=str(error))
            return
        if job is not None and job.attempt <= started.attempt:
            self._stop(job, Stop.LOST)

    def status(self, message: Message) -> None:
        """A question about a request."""
        key = _key(message)
        job = self._jobs.find(key) if key is not None else None
        if job is None or not message.reply:
            return
        status = RequestStatus(
            state=_STATES[job.began_s is not None],
            lane=job.lane,
            model=job.request.facts.model,
            attempt=job.attempt if job.began_s is not None else 0,
            lane_seq=job.delivery.stream_seq,
            events=job.answer.events if job.answer is not None else 0,
            budget_tokens=job.budget_tokens,
            accepted_unix_ms=job.request.accepted_unix_ms,
        )
        self._station.bus.post(message.reply, status.SerializeToString())


def _key(message: Message) -> Key | None:
    """The request that a message of a tenant names by its id."""
    try:
        return subjects.tenant_of(message.subject), message.data.decode()
    except (MalformedMessageError, UnicodeDecodeError):
        return None
