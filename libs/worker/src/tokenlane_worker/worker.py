"""The worker: deliveries in, settled requests out."""

import asyncio
import time
from collections.abc import Coroutine

from tokenlane_chassis.bus import Delivery
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.tasks import end
from tokenlane_proto import subjects, topology
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_worker.attempts import Attempts
from tokenlane_worker.controls import Controls
from tokenlane_worker.credit import NOTHING, plus
from tokenlane_worker.decision import Retry, Stop
from tokenlane_worker.job import Job, is_expired, read_job
from tokenlane_worker.jobs import Jobs
from tokenlane_worker.load import Credit, Load
from tokenlane_worker.pulling import Queue, Source
from tokenlane_worker.pulls import Pulls
from tokenlane_worker.rerouting import LaneTable
from tokenlane_worker.rest import Rest
from tokenlane_worker.rooms import Rooms
from tokenlane_worker.settling import Settling
from tokenlane_worker.station import Station

# How long what is decided may take to be stored once the process has to end.
_SETTLE_S = 10
# Another message of a request that is here comes again after this.
_LATER_S = 1.0
_TOLD_TO_STOP = "the worker was told to stop"
_RESTING = "the engine takes no requests"
_OWN_FIRST = "the lane of the worker that had it needs the room"


class Worker:
    """Runs jobs on one engine: those of its lane first. All of it lives on one event loop."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._jobs = Jobs()
        self._lanes = LaneTable()
        self._attempts = Attempts(station, self._lanes, self.grow)
        self._settling = Settling(station)
        self._controls = Controls(station, self._jobs, self._stop)
        self._rest = Rest()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rooms = Rooms(station, self._credit, lambda: self._jobs)
        self._pulls = Pulls(
            station, self.receive, self._room, lambda: self._lanes.contexts(station.model), self._rooms.took
        )
        self._load = Load(station, self._poke)
        self._telling: asyncio.Task[None] | None = None
        self._draining = False

    async def start(self) -> None:
        """Listen, then begin to pull."""
        bus = self._station.bus
        await self._controls.listen()
        await bus.watch(topology.LANE_BUCKET, self._lane_changed)
        self._attempts.connected_ms = unix_ms()
        bus.on_reconnected(self._reconnected)
        await self._pulls.start()
        self._telling = asyncio.create_task(self._rooms.keep(), name="rooms")

    async def heartbeat(self) -> None:
        """Tell the bus, three times within its patience, that what was pulled is being worked on, and let go of what is
        lost, late or endless. Runs for ever."""
        while True:
            await asyncio.sleep(self._station.ack_wait_s / 3)
            for job in self._jobs:
                self._beat(job)

    def grow(self, job: Job, tokens: int) -> None:
        """Count a running job for `tokens` KV tokens, at least for what it is counted for: it outgrows its budget."""
        if job in self._jobs.running:
            self._load.grow(job, tokens)

    def receive(self, delivery: Delivery) -> None:
        """A delivery of the lane."""
        try:
            job = read_job(delivery, self._station.capacity)
        except MalformedMessageError as error:
            self._spawn(self._settling.reject(delivery, str(error)))
            return
        here = self._jobs.find(job.key)
        if here is None or self._is_over(here, delivery):
            self._take(job)

    async def drain(self, grace_s: float, engine_failure: str = "") -> None:
        """Stop pulling, let what runs finish within `grace_s`, hand the rest over. With `engine_failure` what runs has
        failed by it."""
        self._draining = True
        await self._pulls.stop()
        self._rooms.changed()
        for job in self._jobs.held:
            self._stop(job, Stop.DRAINED, _TOLD_TO_STOP)
        if self._tasks:
            self._station.log.info("draining", running=len(self._jobs.running), grace_s=grace_s)
            await asyncio.wait(self._tasks, timeout=grace_s)
        for job in self._jobs:
            if engine_failure:
                self._stop(job, Stop.ENGINE_GONE, engine_failure)
            else:
                self._stop(job, Stop.DRAINED, _TOLD_TO_STOP)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_SETTLE_S)
        for task in list(self._tasks):
            # What was decided cannot be stored: unacknowledged, the request goes to another worker.
            await end(task)
        if self._telling is not None:
            await end(self._telling)

    def _reconnected(self) -> None:
        self._attempts.connected_ms = unix_ms()
        self._pulls.connected()
        self._spawn(self._look_for_ends())

    def _lane_changed(self, key: str, value: bytes | None) -> None:
        self._lanes.update(key, value)
        self._pulls.lanes_changed()

    def _poke(self) -> None:
        self._pulls.poke()
        self._rooms.changed()

    async def _look_for_ends(self) -> None:
        """What was cancelled while nothing was heard has a result."""
        for job in self._jobs:
            subject = subjects.result(job.tenant, job.request.request_id)
            try:
                ended = await self._station.bus.last(topology.RESULTS, subject) is not None
            except BusUnavailableError:
                # The next reconnect is the next occasion.
                return
            if ended:
                self._stop(job, Stop.CANCELLED)

    def _room(self, source: Source) -> int:
        """How many requests of a source may be on their way."""
        now_s = time.monotonic()
        if self._draining or self._jobs.held.blocks(source.urgency, now_s):
            return 0
        return self._rest.limit(self._load.room(source), now_s)

    def _credit(self) -> dict[Queue, Credit]:
        """What requests of each queue may still take."""
        if self._draining or self._rest.left_s(time.monotonic()):
            return {}
        held = NOTHING
        for job in self._jobs.held:
            held = plus(held, job.cost)
        return {source.queue: self._load.credit(source, held) for source in self._pulls.sources}

    def _beat(self, job: Job) -> None:
        now_s, limit_s = time.monotonic(), self._station.max_run_s
        overrun = job.began_s is not None and not job.decided and now_s - job.began_s > limit_s
        if job.delivery.lost:
            self._stop(job, Stop.LOST)
        elif overrun:
            # A hung engine's claim ends, even if its request cannot be stopped.
            self._stop(job, Stop.OVERRUN, f"it ran for more than {limit_s:g} s")
        else:
            job.delivery.in_progress()
            if job.began_s is None and is_expired(job.request, unix_ms()):
                self._stop(job, Stop.EXPIRED)
        if job.stopped is not None and (not job.decided or job.stopped is Stop.LOST):
            # Once more: what it awaits may have swallowed the first.
            job.interrupt()

    def _is_over(self, here: Job, delivery: Delivery) -> bool:
        """Whether what is here of a request that was delivered again has to give way. If not, the delivery is dealt
        with."""
        if here.stopped is Stop.LOST:
            return True
        if here.delivery.stream_seq != delivery.stream_seq:
            # The same id in another message; what runs ends it.
            delivery.nak(_LATER_S)
            return False
        if delivery.attempt > here.delivery.attempt + 1:
            # Others have had it in between.
            self._stop(here, Stop.LOST)
            return True
        # The signs of life were lost, the work was not, and nobody else has begun it.
        here.delivery = delivery
        delivery.in_progress()
        return False

    def _take(self, job: Job) -> None:
        self._jobs.add(job)
        urgency = self._station.urgency(job.lane)
        self._jobs.held.add(job, urgency, time.monotonic())
        if urgency < len(self._station.lanes):
            self._give_back_borrowed()
        else:
            self._station.metrics.borrowed.inc()
        if self._jobs.was_cancelled(job):
            self._stop(job, Stop.CANCELLED)
        elif self._draining:
            self._stop(job, Stop.DRAINED, _TOLD_TO_STOP)
        elif left_s := self._rest.left_s(time.monotonic()):
            # It came by a pull that was parked before, and given back at once it would come by the next.
            job.delay_s = left_s
            self._stop(job, Stop.DRAINED, _RESTING)
        else:
            self._admit()

    def _give_back_borrowed(self) -> None:
        """The own lane has requests: what is held of others may find room elsewhere."""
        for job in self._jobs.held:
            if job.lane not in self._station.lanes:
                self._stop(job, Stop.DRAINED, _OWN_FIRST)

    def _stop(self, job: Job, why: Stop, reason: str = "") -> None:
        """Stop a job. One that waits for room needs none to end."""
        job.stop(why, reason)
        if job in self._jobs.held:
            self._jobs.held.remove(job)
            job.cost = NOTHING
            self._begin(job)

    def _admit(self) -> None:
        held, now_s = self._jobs.held, time.monotonic()
        while (job := held.first(now_s)) is not None and self._load.fits(job, held.urgency(job, now_s)):
            held.remove(job)
            self._begin(job)
        self._station.metrics.running.set(len(self._jobs.running))

    def _begin(self, job: Job) -> None:
        self._load.begin(job)
        self._jobs.running.add(job)
        job.task = self._spawn(self._run(job))

    def _release(self, job: Job) -> None:
        self._jobs.running.discard(job)
        self._load.end(job)
        self._admit()
        self._poke()

    async def _run(self, job: Job) -> None:
        job.began_s = time.monotonic()
        wait_us = max(0, time.time_ns() // 1000 - job.request.accepted_unix_ms * 1000)
        try:
            with self._station.tracing.span(job, wait_us):
                try:
                    verdict = await self._attempts.make(job, wait_us)
                    self._rest.learn(verdict, time.monotonic())
                finally:
                    # From here on the outcome is decided: no cancellation changes it.
                    job.decided = True
                    self._release(job)
                if isinstance(verdict, Retry) and verdict.resting:
                    asyncio.get_running_loop().call_later(verdict.delay_s, self._poke)
                await self._settling.settle(job, verdict)
        except asyncio.CancelledError:
            if job.stopped is not Stop.LOST:
                raise
            self._station.metrics.lost.inc()
        except Exception:
            # Unacknowledged, it comes again; attempts are counted.
            self._station.log.exception("not settled", request=job.request.request_id)
        finally:
            self._jobs.remove(job)
            if job.checkpoints is not None:
                job.checkpoints.close()

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
