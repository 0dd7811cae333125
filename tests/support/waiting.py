"""Waiting for a condition."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool | Awaitable[bool]], timeout_s: float = 20, every_s: float = 0) -> None:
    """Return when `condition` holds. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not await _holds(condition):
            await asyncio.sleep(every_s)


async def _holds(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    held = condition()
    return await held if inspect.isawaitable(held) else held
