"""Ctrl-C and SIGTERM as events: the first asks to stop, the second insists."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Installed on the running loop until `remove`."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.force = asyncio.Event()
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._received)

    def _received(self) -> None:
        if self.stopping.is_set():
            self.force.set()
        self.stopping.set()

    def remove(self) -> None:
        """Let signals act as usual again."""
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)

    async def unless_stopped(self, work: Coroutine[Any, Any, int]) -> int | None:
        """Result of `work`, or None if a signal came first; `work` is cancelled then and given time to finish up."""
        task = asyncio.create_task(work)
        stopped = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            task.cancel()
            await asyncio.wait({task})
            return None if task.cancelled() else task.result()
        finally:
            stopped.cancel()
