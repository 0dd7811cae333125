"""The pulls of a worker: of its own queues, and of others while its own have nothing."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial

from tokenlane_chassis.bus import Delivery, DeliveryHandler, Puller
from tokenlane_chassis.errors import BusError, ChassisError
from tokenlane_proto import subjects, topology
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_worker.pulling import ASIDE, Queue, Source, Turns, other_sources, own_sources
from tokenlane_worker.retrying import persistently
from tokenlane_worker.station import Station

# For so long the own queues must have had nothing before others are asked: more than a question to the broker takes.
GRACE_S = 0.02
# A queue that cannot be pulled from is tried again after this.
_RETRY_S = 5.0


class Pulls:
    """`receive` takes the deliveries, `room` says for how many of a source there is room right now, `contexts` what the
    engines of each lane hold, and `took` is told the queue of each delivery."""

    def __init__(
        self,
        station: Station,
        receive: DeliveryHandler,
        room: Callable[[Source], int],
        contexts: Callable[[], Mapping[str, int]],
        took: Callable[[Queue], None],
    ) -> None:
        self._station = station
        self._receive = receive
        self._room = room
        self._contexts = contexts
        self._took = took
        self._turns = Turns(GRACE_S, time.monotonic())
        self._had_room = False
        # What may be pulled from now, by the queue. What was pulled from once keeps its puller.
        self._sources: dict[Queue, Source] = {}
        self._pullers: dict[Queue, Puller] = {}
        # Lanes that were ever known: something may wait in an own queue that bears their name.
        self._known: set[str] = set()
        # The queue of each own lane that delivered last.
        self._busy: dict[str, Queue] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._opening: asyncio.Task[None] | None = None
        self._stopped = True

    async def start(self) -> None:
        """Begin to pull. Waits for the bus as long as it takes; raises StartError. Changes of lanes meanwhile count
        at the end."""
        self._known |= await self._left_behind()
        self._look()
        for source in self._missing():
            await persistently(partial(self._open, source), self._station.log, "queue")
        self._stopped = False
        self.lanes_changed()

    def lanes_changed(self) -> None:
        """A lane of the model came, went, or holds something else."""
        if self._stopped:
            return
        self._look()
        if self._missing() and (self._opening is None or self._opening.done()):
            self._opening = asyncio.create_task(self._open_missing(), name="open-queues")
        self.poke()

    def connected(self) -> None:
        """What was parked at the broker is gone, and asked for anew."""
        self._turns.asked(time.monotonic())

    def poke(self) -> None:
        """There may be room again."""
        for queue, puller in list(self._pullers.items()):
            if queue in self._sources:
                puller.poke()

    async def stop(self) -> None:
        """Ask for nothing more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._opening is not None:
            self._opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._opening
        for puller in self._pullers.values():
            await puller.stop()
        self._pullers.clear()

    @property
    def sources(self) -> Collection[Source]:
        """What is pulled from."""
        return () if self._stopped else self._sources.values()

    def target(self, queue: Queue) -> int:
        """How many requests of a queue may be on their way."""
        source = self._sources.get(queue)
        if source is None or self._stopped:
            return 0
        now_s = time.monotonic()
        if source.turn == 0:
            room = self._room(source)
            if source.urgency == 0:
                self._note(room, now_s)
            busy = self._busy.get(queue.lane)
            return room if queue == busy or (busy is None and queue.fits == queue.lane) else min(room, ASIDE)
        room = min(1, self._room(source))
        wait_s = self._turns.wait_s(source.turn, now_s) if room else 0.0
        if wait_s:
            self._ask_in(wait_s)
            return 0
        return room

    def _note(self, room: int, now_s: float) -> None:
        if room and not self._had_room:
            self._turns.asked(now_s)
        self._had_room = bool(room)

    def _ask_in(self, wait_s: float) -> None:
        """Ask the others later, once for all that came meanwhile."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._ask)

    def _ask(self) -> None:
        self._timer = None
        for queue, puller in list(self._pullers.items()):
            if queue in self._sources and self._sources[queue].turn:
                puller.poke()

    def _deliver(self, queue: Queue, delivery: Delivery) -> None:
        source = self._sources.get(queue)
        if source is not None:
            self._turns.served(source.turn, time.monotonic())
            if source.turn == 0:
                self._busy[queue.lane] = queue
        self._took(queue)
        self._receive(delivery)

    def _look(self) -> None:
        station, contexts = self._station, self._contexts()
        largest = station.capacity.largest
        self._known |= contexts.keys()
        sources = own_sources(station.lanes, self._known, largest)
        if station.elastic:
            sources += other_sources(station.lanes, contexts, largest)
        self._sources = {source.queue: source for source in sources}

    def _missing(self) -> list[Source]:
        return [source for queue, source in self._sources.items() if queue not in self._pullers]

    async def _open_missing(self) -> None:
        while missing := self._missing():
            for source in missing:
                try:
                    await self._open(source)
                except ChassisError as error:
                    self._station.log.warning("queue not pulled from yet", queue=source.queue, reason=str(error))
                    await asyncio.sleep(_RETRY_S)

    async def _open(self, source: Source) -> None:
        queue = source.queue
        consumer = topology.lane_consumer(queue.lane, queue.fits, self._station.model)

        def receive(delivery: Delivery) -> None:
            self._deliver(queue, delivery)

        def target() -> int:
            return self.target(queue)

        self._pullers[queue] = await self._station.bus.pull(consumer, receive, target, source.rank)

    async def _left_behind(self) -> set[str]:
        """Which lanes' engines what waits in the own lanes fits."""
        found: set[str] = set()
        for lane in self._station.lanes:
            try:
                counts = await self._station.bus.subject_counts(
                    topology.LANES, subjects.lane_filter(lane, self._station.model)
                )
            except BusError as error:
                self._station.log.warning("queues not counted", lane=lane, reason=str(error))
                continue
            for subject in counts:
                with contextlib.suppress(MalformedMessageError):
                    found.add(subjects.parse_lane(subject).fits)
        return found
