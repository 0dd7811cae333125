"""Which of the replicas leads: one writes a sign of life into a bucket, the others watch it.

By their own clocks: a leader whose sign did not change for `PATIENCE_S` is replaced, by compare-and-set on the revision
that was seen last. One that cannot write for so long stops by itself. For a moment there may be two.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import BusError
from tokenlane_proto import topology

_KEY = "leader"
EVERY_S = 0.5
PATIENCE_S = 2.0


class Leading:
    """`lead` runs while this replica leads, and is cancelled when it does not any more."""

    def __init__(
        self, bus: Bus, replica: str, lead: Callable[[], Awaitable[None]], log: structlog.stdlib.BoundLogger
    ) -> None:
        self._bus = bus
        self._replica = replica.encode()
        self._lead = lead
        self._log = log
        self._seen = (-1, 0.0)

    async def keep(self) -> None:
        """Stand by, or lead, until cancelled. A leader that is cancelled lets the next one begin at once."""
        while True:
            if await self._taken():
                await self._reign()
            await asyncio.sleep(EVERY_S)

    async def _taken(self) -> bool:
        """Whether the lead is this replica's from now on."""
        try:
            revision, value = await self._bus.entry(topology.LINE_BUCKET, _KEY)
            if revision != self._seen[0]:
                self._seen = (revision, monotonic())
            if value and value != self._replica and monotonic() - self._seen[1] < PATIENCE_S:
                return False
            return await self._bus.update(topology.LINE_BUCKET, _KEY, self._replica, revision)
        except BusError as error:
            self._log.warning("no look at who leads", reason=str(error))
            return False

    async def _reign(self) -> None:
        self._log.info("leads")
        leading = asyncio.ensure_future(self._lead())
        signs = asyncio.create_task(self._show_signs(), name="signs")
        try:
            await asyncio.wait((leading, signs), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (leading, signs):
                task.cancel()
            for result in await asyncio.gather(leading, signs, return_exceptions=True):
                if isinstance(result, Exception):
                    self._log.error("lead ended", exc_info=result)
            self._log.info("leads no more")
            await self._abdicate()

    async def _show_signs(self) -> None:
        """Until another leads, or none of them arrived for too long."""
        shown_s = monotonic()
        while monotonic() - shown_s < PATIENCE_S:
            await asyncio.sleep(EVERY_S)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    revision, value = await self._bus.entry(topology.LINE_BUCKET, _KEY)
                    if value != self._replica:
                        return
                    if await self._bus.update(topology.LINE_BUCKET, _KEY, self._replica, revision):
                        shown_s = monotonic()
            except (BusError, TimeoutError) as error:
                self._log.warning("sign of life not shown", reason=str(error))

    async def _abdicate(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                revision, value = await self._bus.entry(topology.LINE_BUCKET, _KEY)
                if value == self._replica:
                    await self._bus.update(topology.LINE_BUCKET, _KEY, b"", revision)
        except (BusError, TimeoutError):
            # The others wait for as long as their patience lasts.
            return
