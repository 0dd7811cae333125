"""Ending a task for sure."""

import asyncio
from typing import Any

_AGAIN_S = 0.1


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel `task` and return when it is done. Python 3.11's `wait_for`, which nats-py uses, loses a cancellation that
    comes together with the result it waits for; so it is repeated."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_S)
