"""Copies of keyed requests whose answer is not kept any more: the key is known for longer than the result."""

import asyncio
from collections.abc import Callable

from tokenlane_chassis.bus import Bus
from tokenlane_client.exchange import Exchange
from tokenlane_ingress import errors
from tokenlane_ingress.background import Background
from tokenlane_ingress.lookup import Lookup
from tokenlane_proto.codec import decode_key_record
from tokenlane_proto.topology import KEY_BUCKET, RESULTS, STREAMS, key_record

# A request that has not been answered after this long may be such a copy.
LOOK_AFTER_S = 2.0
_KEPT_MS = next(spec.max_age_s for spec in STREAMS if spec.name == RESULTS) * 1000


class Forgotten:
    """Finds such copies, which nobody would ever answer."""

    def __init__(self, bus: Bus, lookup: Lookup, background: Background, unix_ms: Callable[[], int]) -> None:
        self._bus = bus
        self._lookup = lookup
        self._background = background
        self._unix_ms = unix_ms

    def watch(self, exchange: Exchange, seq: int) -> asyncio.TimerHandle:
        """Look at a keyed request, stored as `seq`, if its answer does not come soon. The caller cancels the timer."""
        return asyncio.get_running_loop().call_later(LOOK_AFTER_S, self._look_soon, exchange, seq)

    def _look_soon(self, exchange: Exchange, seq: int) -> None:
        self._background.start(self._look(exchange, seq), "look for a forgotten answer")

    async def _look(self, exchange: Exchange, seq: int) -> None:
        tenant, request_id = exchange.tenant, exchange.request_id
        value = await self._bus.get(KEY_BUCKET, key_record(tenant, request_id))
        if value is None:
            return
        record = decode_key_record(value)
        if record.requests_seq == seq or self._unix_ms() - record.accepted_unix_ms < _KEPT_MS:
            return
        if not await self._lookup.is_alive(tenant, request_id):
            exchange.finish(errors.result_gone())
