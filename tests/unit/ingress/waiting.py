"""Waiting for a condition."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 10) -> None:
    """Return when `condition` holds. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not await condition():  # nothing tells of it
            await asyncio.sleep(0.005)


async def refuses_connections(port: int) -> bool:
    """Whether nothing listens on a loopback port any more."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    except ConnectionError:  # closed in the middle of it
        return False
    writer.close()
    return False
