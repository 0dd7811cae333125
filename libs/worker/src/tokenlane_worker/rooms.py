"""Telling the dispatcher what this worker can take, what it took, and what it runs."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tokenlane.v1.line_pb2 import QueueRoom, Room, Running
from tokenlane_proto import subjects
from tokenlane_worker.job import Job
from tokenlane_worker.load import Credit
from tokenlane_worker.pulling import Queue
from tokenlane_worker.station import Station

# Told again after this, though nothing changed: who begins to dispatch hears of everybody within it.
EVERY_S = 1.0
_NONE = Credit(0, 0, 0)


class Rooms:
    """`credit`: what requests of each queue may still take. `jobs`: all that is here. What changes within one
    turn of the event loop is told at once."""

    def __init__(
        self, station: Station, credit: Callable[[], Mapping[Queue, Credit]], jobs: Callable[[], Iterable[Job]]
    ) -> None:
        self._station = station
        self._credit = credit
        self._jobs = jobs
        self._taken: Counter[Queue] = Counter()
        self._told: Mapping[Queue, Credit] = {}
        self._due: asyncio.Handle | None = None

    async def keep(self) -> None:
        """Tell all there is, once a second and to each new dispatcher, until cancelled; then that this worker takes
        nothing more."""
        greeted = await self._station.bus.subscribe(subjects.LINE_HELLO, lambda _: self._tell(whole=True))
        try:
            while True:
                self._tell(whole=True)
                await asyncio.sleep(EVERY_S)
        finally:
            if self._due is not None:
                self._due.cancel()
            await greeted.unsubscribe()
            self._post(self._message(gone=True))

    def took(self, queue: Queue) -> None:
        """A request of a queue arrived."""
        self._taken[queue] += 1
        self.changed()

    def changed(self) -> None:
        """There may be more or less room."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self, whole: bool = False) -> None:
        self._due = None
        credit = self._credit()
        if not whole and not self._taken and credit == self._told:
            return
        queues = [
            QueueRoom(
                lane=queue.lane,
                fits=queue.fits,
                taken=self._taken[queue],
                **credit.get(queue, _NONE)._asdict(),
            )
            for queue in {**credit, **self._taken}
        ]
        message = self._message(queues=queues, whole=whole)
        if whole:
            message.running.extend(_running(job) for job in self._jobs())
        self._post(message)
        self._told, self._taken = credit, Counter()

    def _message(self, **fields: Any) -> Room:
        station = self._station
        return Room(worker=station.worker_id, model=station.model, kv_tokens=station.capacity.tokens, **fields)

    def _post(self, message: Room) -> None:
        self._station.bus.post(subjects.LINE_ROOM, message.SerializeToString())


def _running(job: Job) -> Running:
    return Running(tenant=job.tenant, request_id=job.request.request_id, tokens=job.budget_tokens)
