"""Asking JetStream while it has no leader: brokers that start, or elect, answer nothing, or that they cannot."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import ServiceUnavailableError

T = TypeVar("T")

_RETRY_S = 0.25
# JetStream is off for this account; every other refusal of this kind passes.
_NOT_ENABLED = (10039, 10076)


async def patiently(call: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Call until there is an answer, for so many seconds. Then raises what the last call raised."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + seconds
    while True:
        try:
            return await call()
        except (NatsTimeoutError, ServiceUnavailableError) as error:
            if loop.time() >= give_up_at or _is_off(error):
                raise
        await asyncio.sleep(_RETRY_S)


def _is_off(error: Exception) -> bool:
    # A server without JetStream has no one to ask: no error code at all.
    return isinstance(error, ServiceUnavailableError) and error.err_code in (None, *_NOT_ENABLED)
