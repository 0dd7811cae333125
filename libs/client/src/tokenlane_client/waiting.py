"""What a caller is told while its request waits."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from tokenlane_client.answer import Part
from tokenlane_client.errors import DeadlineExceeded
from tokenlane_client.exchange import Exchange


class Waiting(NamedTuple):
    """How a request stands in the queue right now; both may grow as well as shrink. `ahead`: requests that go before
    it. `expected_start_s` in seconds."""

    ahead: int
    expected_start_s: float


OnWaiting = Callable[[Waiting], None]


async def take(exchange: Exchange, limit: asyncio.Timeout, on_waiting: OnWaiting | None) -> Part:
    """What there is to show. Until then `on_waiting` is called with each place in the queue, and may raise. Raises
    DeadlineExceeded."""
    try:
        async with limit:
            if on_waiting is not None:
                while (place := await exchange.place()) is not None:
                    on_waiting(Waiting(place.position, place.expected_start_ms / 1000))
            return await exchange.take()
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineExceeded("The request's deadline passed.", exchange.request_id) from None
