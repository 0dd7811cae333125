"""POST /v1/chat/completions and /v1/completions: check, publish, relay the answer.

A request with an idempotency key outlives its client's connection: asked again under the same key, here or at another
door, it is the same request, and its answer goes on after the last event that the client has.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_chassis.bus import Stored
from tokenlane_client.exchange import Exchange
from tokenlane_client.exchanges import Exchanges
from tokenlane_ingress import accept, errors
from tokenlane_ingress.accept import START, Position
from tokenlane_ingress.admission import Admission
from tokenlane_ingress.asgi import ClientGoneError, Receive, Scope, Send, answer_error, cut
from tokenlane_ingress.custody import Custody
from tokenlane_ingress.endings import Endings
from tokenlane_ingress.envelope import Admitted
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_ingress.event_ids import EventIds
from tokenlane_ingress.forgotten import Forgotten
from tokenlane_ingress.ledger import Ledger
from tokenlane_ingress.metrics import Metrics
from tokenlane_ingress.publisher import Publisher
from tokenlane_ingress.relay import Resumable, relay
from tokenlane_ingress.spans import RequestSpan, Spans
from tokenlane_ingress.vigil import Vigil
from tokenlane_proto import subjects

GONE = 0
_REPLAYED = (b"idempotent-replayed", b"true")


class _Visit:
    """A client that waits for its answer. `stored`: the stream has the request; `unsure`: it may have it. `copy`: the
    stream had it before. `now_ms`: when it came, since the Unix epoch."""

    __slots__ = ("admitted", "copy", "exchange", "name", "now_ms", "receive", "scope", "send", "stored", "unsure")

    def __init__(
        self,
        admitted: Admitted,
        exchange: Exchange,
        now_ms: int,
        name: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self.admitted = admitted
        self.exchange = exchange
        self.now_ms = now_ms
        self.copy = False
        self.stored: Stored | None = None
        self.unsure = False
        self.name = name
        self.scope = scope
        self.receive = receive
        self.send = send


@dataclass(frozen=True, slots=True)
class Completions:
    """The handler of both endpoints."""

    admission: Admission
    exchanges: Exchanges
    publisher: Publisher
    ledger: Ledger
    custody: Custody
    endings: Endings
    forgotten: Forgotten
    metrics: Metrics
    spans: Spans
    unix_ms: Callable[[], int]

    async def serve(self, endpoint: Endpoint, name: str, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request and return its status, 0 if the client left first."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            admitted = await self.admission.admit(endpoint, headers, receive)
        except ClientGoneError:
            return GONE
        if isinstance(admitted, ErrorAnswer):
            return await _refuse(send, admitted, accept.client_request_id(headers.get(b"x-request-id")))
        # Who has a part of the answer follows; everybody else gets it from the beginning.
        exchange = (
            self.exchanges.open(admitted.tenant, admitted.request_id, admitted.body_sha256)
            if admitted.after is None
            else await self._follow(admitted, admitted.after)
        )
        if exchange is None:
            return await _refuse(send, errors.request_id_in_use(admitted.request_id or ""), admitted.request_id)
        visit = _Visit(admitted, exchange, self.unix_ms(), name, scope, receive, send)
        seconds = admitted.wishes.timeout_ms / 1000
        vigil = Vigil(exchange, scope, receive, seconds, partial(self._expire, visit))
        try:
            return await self._answer(visit, headers.get(b"traceparent"))
        finally:
            vigil.close()
            self.exchanges.close(exchange)

    async def _follow(self, admitted: Admitted, after: Position) -> Exchange:
        first_event = after.events if after.digest is not None else 0
        return await self.exchanges.follow(
            admitted.tenant, subjects.keyed_id(admitted.key), first_event, after.digest, admitted.body_sha256
        )

    async def _answer(self, visit: _Visit, traceparent: bytes | None) -> int:
        admitted, exchange = visit.admitted, visit.exchange
        began = time.perf_counter()
        span = self.spans.start(visit.name, admitted.facts.model, exchange.request_id, traceparent)
        self.ledger.enter(exchange, admitted.facts.model, visit.now_ms)
        if admitted.key:
            seconds = admitted.wishes.timeout_ms / 1000
            self.custody.enter(admitted.tenant, exchange.request_id, admitted.body_sha256, seconds)
        status = GONE
        try:
            status = await self._publish_and_relay(visit, span, began)
        except asyncio.CancelledError:
            # Cut off after its end was decided, because the client does not read: not an error of this process.
            if not exchange.ended:
                raise
        finally:
            self.ledger.leave(exchange)
            if admitted.key or not exchange.settled:
                self._leave(visit)
            self.metrics.duration[visit.name].observe(time.perf_counter() - began)
            span.end(status)
        return status

    async def _publish_and_relay(self, visit: _Visit, span: RequestSpan, began: float) -> int:
        admitted, exchange = visit.admitted, visit.exchange
        # Who goes on in mid-answer gets it by attaching, where its digest is compared; never from the beginning.
        inbox = exchange.inbox if admitted.after is None else ""
        stored = await self.publisher.publish(admitted, exchange.request_id, inbox, visit.now_ms, span.headers)
        if isinstance(stored, ErrorAnswer):
            visit.unsure = stored.code == errors.BUS_UNAVAILABLE
            return await _refuse(visit.send, stored, exchange.request_id)
        visit.stored = stored
        self.metrics.received_bytes.inc(len(admitted.body))
        if stored.duplicate:
            await self._join(visit)
        return await (self._relay_keyed(visit, stored.seq, began) if admitted.key else self._relay(visit, began))

    async def _relay_keyed(self, visit: _Visit, seq: int, began: float) -> int:
        looking = self.forgotten.watch(visit.exchange, seq)
        try:
            resumable = Resumable(EventIds(visit.admitted.after or START), partial(cut, visit.scope, visit.receive))
            return await self._relay(visit, began, resumable)
        finally:
            looking.cancel()

    async def _relay(self, visit: _Visit, began: float, resumable: Resumable | None = None) -> int:
        first_byte = self.metrics.first_byte[visit.name]
        request_id = b"x-request-id", visit.exchange.request_id.encode()
        fields = (request_id, _REPLAYED) if visit.copy else (request_id,)
        status, size = await relay(
            visit.exchange,
            visit.send,
            fields,
            lambda: first_byte.observe(time.perf_counter() - began),
            resumable,
            visit.admitted.facts.stream,
        )
        self.metrics.sent_bytes.inc(size)
        return status

    async def _join(self, visit: _Visit) -> None:
        """A copy of a keyed request reads the first one's answer. An unkeyed one is this process's own, sent again."""
        if visit.admitted.key:
            visit.copy = True
            await self.exchanges.turn_to_follow(visit.exchange)

    def _leave(self, visit: _Visit) -> None:
        exchange = visit.exchange
        if visit.admitted.key:
            alone = (exchange.gone and not exchange.settled) or visit.unsure
            self.custody.leave(exchange.tenant, exchange.request_id, alone)
        elif visit.stored is not None or visit.unsure:
            self.exchanges.cancel(exchange)

    def _expire(self, visit: _Visit) -> None:
        exchange, stored = visit.exchange, visit.stored
        if exchange.ended:
            return
        if visit.copy:
            exchange.finish(errors.wait_exceeded())
        elif stored is None:
            exchange.finish(errors.deadline_exceeded())
        else:
            self.endings.expire(exchange, stored.seq if visit.admitted.key else None)


async def _refuse(send: Send, error: ErrorAnswer, request_id: str | None) -> int:
    await answer_error(send, error, ((b"x-request-id", request_id.encode()),) if request_id else ())
    return error.status
