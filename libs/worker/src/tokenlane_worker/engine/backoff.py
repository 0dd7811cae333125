"""Asking again at growing intervals, until an answer comes or time is up."""

import asyncio
from collections.abc import Awaitable, Callable

FIRST_INTERVAL_S = 0.05
LONGEST_INTERVAL_S = 1.0
GROWTH = 1.4


async def until(ready: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
    """Whether `ready` said yes within `timeout_s`; it is asked at least once."""
    loop = asyncio.get_running_loop()
    deadline, interval = loop.time() + timeout_s, FIRST_INTERVAL_S
    while not await ready():
        left = deadline - loop.time()
        if left <= 0:
            return False
        await asyncio.sleep(min(interval, left))
        interval = min(interval * GROWTH, LONGEST_INTERVAL_S)
    return True
