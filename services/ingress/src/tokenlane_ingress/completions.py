"""POST /v1/chat/completions and /v1/completions: check, publish, relay the answer."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_ingress import accept, errors
from tokenlane_ingress.asgi import ClientGoneError, Receive, Scope, Send, answer_error, read_body
from tokenlane_ingress.auth import Keyring
from tokenlane_ingress.envelope import Admitted, encode
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_ingress.exchange import Exchange
from tokenlane_ingress.exchanges import Exchanges
from tokenlane_ingress.metrics import Metrics
from tokenlane_ingress.publisher import Publisher
from tokenlane_ingress.registry import Registry
from tokenlane_ingress.relay import relay
from tokenlane_ingress.spans import Spans
from tokenlane_ingress.vigil import Vigil

GONE = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request."""

    max_body_bytes: int
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Completions:
    """The handler of both endpoints. `keyring` is asked for each request, for it may be replaced."""

    keyring: Callable[[], Keyring]
    registry: Registry
    exchanges: Exchanges
    publisher: Publisher
    metrics: Metrics
    spans: Spans
    limits: Limits
    unix_ms: Callable[[], int]

    async def serve(self, endpoint: Endpoint, name: str, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request and return its status, 0 if the client left first."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            admitted = await self._admit(endpoint, headers, receive)
        except ClientGoneError:
            return GONE
        if isinstance(admitted, ErrorAnswer):
            return await _refuse(send, admitted, accept.client_request_id(headers.get(b"x-request-id")))
        opened = self.exchanges.open(admitted.tenant, admitted.client_id)
        if opened is None:
            return await _refuse(send, errors.request_id_in_use(admitted.client_id or ""), admitted.client_id)
        exchange, inbox = opened
        vigil = Vigil(exchange, receive, admitted.timeout_ms / 1000)
        try:
            return await self._answer(admitted, exchange, inbox, name, headers.get(b"traceparent"), send)
        finally:
            vigil.close()
            self.exchanges.close(exchange)

    async def _admit(self, endpoint: Endpoint, headers: dict[bytes, bytes], receive: Receive) -> Admitted | ErrorAnswer:
        tenant = self.keyring().tenant_of(headers.get(b"authorization"))
        if isinstance(tenant, ErrorAnswer):
            return tenant
        limit = self.limits.max_body_bytes
        if too_long := accept.check_length(headers.get(b"content-length"), limit):
            return too_long
        timeout_ms = accept.timeout_ms(headers.get(b"x-tokenlane-timeout-ms"), self.limits.timeout_ms)
        if isinstance(timeout_ms, ErrorAnswer):
            return timeout_ms
        body = await read_body(receive, limit)
        if isinstance(body, ErrorAnswer):
            return body
        if not body and b"upgrade" in headers:
            return errors.upgrade_refused()
        facts = accept.check_body(body, endpoint, self.registry.limits)
        if isinstance(facts, ErrorAnswer):
            return facts
        client_id = accept.client_request_id(headers.get(b"x-request-id"))
        return Admitted(tenant, endpoint, body, facts, timeout_ms, client_id)

    async def _answer(
        self, admitted: Admitted, exchange: Exchange, inbox: str, name: str, traceparent: bytes | None, send: Send
    ) -> int:
        began = time.perf_counter()
        span = self.spans.start(name, admitted.facts.model, exchange.request_id, traceparent)
        payload = encode(admitted, exchange.request_id, inbox, self.unix_ms())
        refusal = await self.publisher.publish(exchange, payload, span.headers)
        if refusal is not None:
            # The stream may have it all the same.
            if refusal.code == errors.BUS_UNAVAILABLE:
                self.exchanges.cancel(exchange)
            span.end(refusal.status)
            return await _refuse(send, refusal, exchange.request_id)
        self.metrics.received_bytes.inc(len(admitted.body))
        status = GONE
        try:
            fields = ((b"x-request-id", exchange.request_id.encode()),)
            status, size = await relay(
                exchange, send, fields, lambda: self.metrics.first_byte[name].observe(time.perf_counter() - began)
            )
            self.metrics.sent_bytes.inc(size)
        except asyncio.CancelledError:
            # Cut off after its end was decided, because the client does not read: not an error of this process.
            if not exchange.ended:
                raise
        finally:
            if not exchange.settled:
                self.exchanges.cancel(exchange)
            self.metrics.duration[name].observe(time.perf_counter() - began)
            span.end(status)
        return status


async def _refuse(send: Send, error: ErrorAnswer, request_id: str | None) -> int:
    await answer_error(send, error, ((b"x-request-id", request_id.encode()),) if request_id else ())
    return error.status
