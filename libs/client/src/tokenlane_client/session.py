"""What every call of the client does with the bus: send, read, stop reading. One tenant's."""

import asyncio

import structlog

from tokenlane.v1.reply_pb2 import Outcome
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import BusError
from tokenlane_client import failure
from tokenlane_client.again import refusal_seq
from tokenlane_client.answer import failure_in
from tokenlane_client.bodies import Answer, parse_answer
from tokenlane_client.envelope import Envelope
from tokenlane_client.errors import BusUnavailable, TokenlaneError, error_of
from tokenlane_client.exchange import Exchange
from tokenlane_client.exchanges import Exchanges
from tokenlane_client.failure import Failure
from tokenlane_client.publishing import Publisher
from tokenlane_client.waiting import OnWaiting, take
from tokenlane_proto import subjects
from tokenlane_proto.events import EVENT_STREAM

_CANCELLED_STATUS = 499


class Session:
    """`reader_id` is a subject token, unique among processes. `patience_s`: how long to try to publish."""

    def __init__(
        self, bus: Bus, tenant: str, reader_id: str, patience_s: float, log: structlog.stdlib.BoundLogger
    ) -> None:
        self._bus = bus
        self._tenant = tenant
        self._publisher = Publisher(bus, tenant, patience_s)
        self._exchanges = Exchanges(bus, reader_id, log, tenant)
        self._opening = asyncio.Lock()
        self._listening = False

    async def submit(self, sealed: Envelope, is_new: bool) -> int:
        """Have the bus accept it; the answer is only stored. `is_new`: its key was not used before. Returns the refusal
        that it comes again after, or 0: see `follow`. Raises BusUnavailable, RequestFailed."""
        refused = 0 if is_new else await refusal_seq(self._bus, self._tenant, sealed.request.request_id)
        await self._publisher.publish(sealed)
        return refused

    async def begin(self, sealed: Envelope) -> Exchange:
        """Have the bus accept it, and read its answer. Raises BusUnavailable, RequestFailed."""
        await self._listen()
        request = sealed.request
        exchange = self._exchanges.open(self._tenant, request.request_id, request.body_sha256)
        if exchange is None:
            raise AssertionError("requests with a key are always opened")
        try:
            if not await self._publisher.publish(sealed, exchange.inbox):
                await self._exchanges.turn_to_follow(exchange)
        except BaseException:
            self._exchanges.close(exchange)
            raise
        return exchange

    async def follow(self, request_id: str, body_sha256: bytes = b"", refused: int = 0) -> Exchange:
        """Read the answer of a request that was accepted before. `refused`: what is not it (`submit`)."""
        await self._listen()
        return await self._exchanges.follow(self._tenant, request_id, body_sha256=body_sha256, refusal_seq=refused)

    def end(self, exchange: Exchange, cancel: bool) -> None:
        """Stop reading; with `cancel`, stop the request too unless it is over."""
        if cancel and not exchange.settled:
            self._exchanges.cancel(exchange)
        self._exchanges.close(exchange)

    async def cancel(self, request_id: str) -> bool:
        """End a request as cancelled; False if it has ended. Raises BusUnavailable."""
        text = "The request was cancelled."
        body = results.error_body(text, failure.INVALID_REQUEST, failure.CANCELLED)
        fields = results.result_headers(request_id, 0, Outcome.OUTCOME_CANCELLED, _CANCELLED_STATUS, results.JSON, text)
        try:
            # First the result: a worker that misses the message below finds it.
            cancelled = await results.store(self._bus, self._tenant, request_id, body, fields)
        except BusError as error:
            raise BusUnavailable(str(error), request_id) from None
        if cancelled:
            self._bus.post(subjects.cancel(self._tenant), request_id.encode())
        return cancelled

    def finish_all(self, failed: Failure) -> None:
        """End every reading with a failure."""
        self._exchanges.finish_all(failed)

    async def stop(self) -> None:
        """Read nothing more."""
        await self._exchanges.stop()

    async def _listen(self) -> None:
        async with self._opening:
            if not self._listening:
                await self._exchanges.listen()
                self._listening = True


async def whole(exchange: Exchange, wait_s: float | None, on_waiting: OnWaiting | None = None) -> Answer:
    """The answer of a request that is not streamed. `wait_s`: how long it may take. Raises TokenlaneError."""
    request_id = exchange.request_id
    part = await take(exchange, asyncio.timeout(wait_s), on_waiting)
    if isinstance(part.end, Failure):
        raise error_of(part.end, request_id)
    if part.head is None or part.head.content_type.startswith(EVENT_STREAM):
        raise TokenlaneError("The request asked for a stream: read its answer with `stream`.", request_id)
    if part.head.http_status >= 400:
        raise error_of(failure_in(part, part.head), request_id)
    answer = parse_answer(part.data)
    if answer is None:
        raise error_of(failure.broken("it is not an OpenAI answer"), request_id)
    return answer
