"""Sending the requests of a run at a steady rate."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from tests.chaos.seen import Seen
from tests.chaos.workload import Ask, Via

# A client side of this many open requests has lost its server for good.
_MOST_OPEN = 2_000


class Asker(Protocol):
    """A client."""

    async def ask(self, ask: Ask) -> Seen: ...
    async def close(self) -> None: ...


class Traffic:
    """Sends `asks` at `rate` a second, whatever the answers take."""

    def __init__(self, clients: Mapping[Via, Asker], asks: Sequence[Ask], rate: float) -> None:
        self._clients = clients
        self._asks = asks
        self._rate = rate
        self._room = asyncio.Semaphore(_MOST_OPEN)
        self.seen: list[Seen] = []
        self.sent = 0
        # Longest time without any answer. Unit: seconds.
        self.longest_silence = 0.0
        self._heard = time.monotonic()

    async def run(self) -> list[Seen]:
        """Return when every request has ended, one way or another."""
        began = self._heard = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, ask in enumerate(self._asks):
                wait = began + number / self._rate - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                await self._room.acquire()
                group.create_task(self._one(ask))
                self.sent += 1
        return self.seen

    async def _one(self, ask: Ask) -> None:
        try:
            self.seen.append(await self._clients[ask.via].ask(ask))
        finally:
            self._room.release()
        now = time.monotonic()
        self.longest_silence = max(self.longest_silence, now - self._heard)
        self._heard = now
