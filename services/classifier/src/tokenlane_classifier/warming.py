"""Learning what happened while nobody listened here: from the snapshots, then from the stream of usage events.

The oldest snapshot says from when on to read. An event that a younger one knows already weighs twice then: at most one
interval's worth. What is heard while the stream is being read is learned once (`Recent`).
"""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import aclosing

import structlog

from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.errors import BusError
from tokenlane_chassis.tasks import end
from tokenlane_classifier.retry import backoff_s
from tokenlane_classifier.snapshots import Snapshots
from tokenlane_proto import topology

# How long readiness waits; what is left is read beside the work.
_PATIENCE_S = 1.0
# Where there is no snapshot.
_UNKNOWN_MS = 10 * 60_000
_MOST_EVENTS = 100_000
_EVENTS_AT_A_TIME = 32


class Warming:
    """`learn` takes a stored usage event; `clock` returns milliseconds since the Unix epoch."""

    def __init__(
        self,
        bus: Bus,
        snapshots: Snapshots,
        learn: Callable[[Message], None],
        clock: Callable[[], int],
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._bus = bus
        self._snapshots = snapshots
        self._learn = learn
        self._clock = clock
        self._log = log
        self._task: asyncio.Task[None] | None = None
        # From when on events may be missing. Unit: milliseconds since the Unix epoch.
        self._missing_since: int | None = None

    async def start(self) -> None:
        """Return when all is known that can be, and after a second at the latest. After each reconnect what was missed
        meanwhile is made up for."""
        self._bus.on_reconnected(self._reconnected)
        self._task = asyncio.create_task(self._warm(), name="warming")
        await asyncio.wait({self._task}, timeout=_PATIENCE_S)

    async def stop(self) -> None:
        """Leave what is left."""
        if self._task is not None:
            await end(self._task)

    def _reconnected(self) -> None:
        since = self._snapshots.reached_unix_ms
        self._missing_since = since if self._missing_since is None else min(since, self._missing_since)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._make_up(), name="warming")

    async def _warm(self) -> None:
        started = self._clock()
        # Until the snapshots say better.
        self._missing_since = started - _UNKNOWN_MS
        try:
            oldest = await self._snapshots.load()
        except BusError as error:
            self._log.warning("snapshots of estimates not read", reason=str(error))
        else:
            self._missing_since = started - _UNKNOWN_MS if oldest is None else oldest
        await self._make_up()

    async def _make_up(self) -> None:
        for attempt in itertools.count(1):
            since = self._missing_since
            if since is None:
                return
            # A reconnect meanwhile sets it again.
            self._missing_since = None
            try:
                events = await self._read(since)
                self._log.info("usage events read", since_unix_ms=since, events=events)
            except BusError as error:
                self._missing_since = since
                self._log.warning("usage events not read", reason=str(error))
                await asyncio.sleep(backoff_s(attempt))

    async def _read(self, since_unix_ms: int) -> int:
        count = 0
        async with aclosing(self._bus.read(topology.USAGE, topology.ALL_USAGE, since_unix_ms)) as messages:
            async for message in messages:
                self._learn(message)
                count += 1
                if count >= _MOST_EVENTS:
                    break
                if count % _EVENTS_AT_A_TIME == 0:
                    # The work goes on in between.
                    await asyncio.sleep(0)
        return count
