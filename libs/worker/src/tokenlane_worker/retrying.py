"""Insisting on what the bus must do before anything else may happen."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from tokenlane_chassis.errors import BusUnavailableError

T = TypeVar("T")

RETRY_S = 0.5


async def persistently(call: Callable[[], Awaitable[T]], log: structlog.stdlib.BoundLogger, what: str) -> T:
    """Call until the bus is there. Whoever may not wait for ever cancels this. `what` is for the log."""
    while True:
        try:
            return await call()
        except BusUnavailableError as error:
            log.warning("the bus is away, trying again", what=what, reason=str(error))
            await asyncio.sleep(RETRY_S)
