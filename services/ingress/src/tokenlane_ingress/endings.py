"""Ending a request from the door: cancelled, or its time is over.

The result is stored before the work is stopped, and stored only if there is none: whoever finds it there shows it, so a
process that misses the word to stop still ends the request the same way.
"""

import asyncio

from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import BusError
from tokenlane_client.exchange import Exchange
from tokenlane_client.exchanges import Exchanges
from tokenlane_client.failure import Failure
from tokenlane_ingress import errors
from tokenlane_ingress.background import Background
from tokenlane_proto import subjects
from tokenlane_proto.codec import decode_key_record
from tokenlane_proto.topology import KEY_BUCKET, key_record

# How long a client whose deadline passed waits to hear whether the request ended in another way just before.
_PATIENCE_S = 1.0


class Endings:
    """Ends requests of any tenant by their id."""

    def __init__(self, bus: Bus, exchanges: Exchanges, background: Background) -> None:
        self._bus = bus
        self._exchanges = exchanges
        self._background = background

    async def cancel(self, tenant: str, request_id: str) -> bool:
        """Cancel a request; False if it had ended already. Raises BusError; then those who work on it were told to stop
        all the same."""
        return await self._end(tenant, request_id, errors.cancelled(), Outcome.OUTCOME_CANCELLED)

    def expire(self, exchange: Exchange, keyed_seq: int | None = None) -> None:
        """The deadline of `exchange`'s request passed: end both. If the request found another end first, show that.

        `keyed_seq`: where the stream has it, if it has an idempotency key; the request is another one's if the key was
        known before, and is left alone then."""
        self._background.start(self._expire(exchange, keyed_seq), "expire")

    async def _expire(self, exchange: Exchange, keyed_seq: int | None) -> None:
        late = errors.deadline_exceeded()
        patience = asyncio.get_running_loop().call_later(_PATIENCE_S, exchange.finish, late)
        try:
            if keyed_seq is not None and not await self._is_first(exchange, keyed_seq):
                exchange.finish(errors.wait_exceeded())
                return
            expired = await self._end(exchange.tenant, exchange.request_id, late, Outcome.OUTCOME_EXPIRED)
        except BusError:
            expired = True
        if expired:
            patience.cancel()
            exchange.finish(late)
        elif not (exchange.ended or exchange.gone):
            await self._exchanges.turn_to_follow(exchange)

    async def _is_first(self, exchange: Exchange, seq: int) -> bool:
        record = await self._bus.get(KEY_BUCKET, key_record(exchange.tenant, exchange.request_id))
        return record is not None and decode_key_record(record).requests_seq == seq

    async def _end(self, tenant: str, request_id: str, failure: Failure, outcome: Outcome) -> bool:
        try:
            return await results.publish_error(
                self._bus,
                tenant,
                Request(request_id=request_id),
                status=failure.status,
                message=failure.message,
                error_type=failure.type,
                code=failure.code,
                outcome=outcome,
            )
        finally:
            # Even if a result is there: False may mean this one, and what runs beside another is of no use.
            self._bus.post(subjects.cancel(tenant), request_id.encode())
