"""Deliveries in flight: each a task, bounded in number and bytes, and each settled exactly once."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from tokenlane_chassis.bus import Delivery, Puller
from tokenlane_chassis.errors import BusError
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.retry import backoff_s

# A delivery that fails for no reason of the bus is given up at this attempt.
_LAST_ATTEMPT = 5
# Each is held twice, as it came and as it goes on.
_MOST_BYTES = 32 * 1024 * 1024

Handle = Callable[[Delivery], Awaitable[None]]


class Settling:
    """Acknowledges what `handle` returned from, and gives back what it raised BusError for. What fails otherwise, time
    and again, goes to `give_up`."""

    def __init__(
        self, handle: Handle, give_up: Handle, limit: int, metrics: Metrics, log: structlog.stdlib.BoundLogger
    ) -> None:
        self._handle = handle
        self._give_up = give_up
        self._limit = limit
        self._metrics = metrics
        self._log = log
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._bytes = 0
        self._puller: Puller | None = None
        metrics.in_flight.set_function(lambda: len(self._tasks))

    def room(self) -> int:
        """How many more deliveries may come."""
        return self._limit - len(self._tasks) if self._bytes < _MOST_BYTES else 0

    def receive(self, delivery: Delivery) -> None:
        """Handler of the bus: take a delivery on."""
        task = asyncio.create_task(self._settle(delivery))
        self._tasks[task] = len(delivery.data)
        self._bytes += len(delivery.data)
        task.add_done_callback(self._settled)

    def fed_by(self, puller: Puller) -> None:
        """Tell `puller` whenever there is room again."""
        self._puller = puller

    async def drain(self, grace_s: float) -> None:
        """Wait for what is in flight. What is left after `grace_s` seconds is delivered again, here or elsewhere."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._bytes -= self._tasks.pop(task)
        if self._puller is not None:
            self._puller.poke()

    async def _settle(self, delivery: Delivery) -> None:
        try:
            await self._attempt(delivery)
        except BusError as error:
            self._metrics.retried("bus")
            self._log.warning("given back", subject=delivery.subject, attempt=delivery.attempt, reason=str(error))
            delivery.nak(backoff_s(delivery.attempt))
        except Exception:
            self._metrics.retried("failure")
            self._log.exception("given back", subject=delivery.subject, attempt=delivery.attempt)
            delivery.nak(backoff_s(delivery.attempt))
        else:
            delivery.ack()

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            await self._handle(delivery)
        except BusError:
            raise
        except Exception:
            if delivery.attempt < _LAST_ATTEMPT:
                raise
            self._log.exception("given up", subject=delivery.subject, attempt=delivery.attempt)
            await self._give_up(delivery)
