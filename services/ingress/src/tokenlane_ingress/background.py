"""Work that no client waits for."""

import asyncio
from collections.abc import Coroutine

import structlog

from tokenlane_chassis.errors import BusError


class Background:
    """Runs coroutines to their end. One that the bus fails is told in one line."""

    def __init__(self, log: structlog.stdlib.BoundLogger) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[None, None, None], name: str) -> None:
        """Begin `work`. `name` tells it apart in the log."""
        task = asyncio.get_running_loop().create_task(self._run(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Coroutine[None, None, None], name: str) -> None:
        try:
            await work
        except BusError as error:
            self._log.warning("not done", what=name, error=str(error))
