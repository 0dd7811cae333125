"""/v1/requests/{id}: what became of a request, its events from anywhere on, and its cancellation."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tokenlane_chassis.errors import BusError
from tokenlane_client.exchange import Exchange
from tokenlane_client.exchanges import Exchanges
from tokenlane_ingress import accept, described, errors
from tokenlane_ingress.accept import Position
from tokenlane_ingress.asgi import JSON, Receive, Scope, Send, answer, answer_error, cut
from tokenlane_ingress.auth import Keyring
from tokenlane_ingress.endings import Endings
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_ingress.event_ids import EventIds
from tokenlane_ingress.lookup import Found, Lookup
from tokenlane_ingress.metrics import Metrics
from tokenlane_ingress.relay import Resumable, relay
from tokenlane_ingress.vigil import Vigil
from tokenlane_proto.subjects import is_token

PREFIX = "/v1/requests/"
_EVENTS = "/events"
_NAME = "requests"


def request_path(path: str) -> tuple[str, bool] | None:
    """The request that a path is about, and whether it is its events; None for any other path."""
    if not path.startswith(PREFIX):
        return None
    request_id = path[len(PREFIX) :]
    events = request_id.endswith(_EVENTS)
    if events:
        request_id = request_id[: -len(_EVENTS)]
    return (request_id, events) if request_id and "/" not in request_id else None


@dataclass(frozen=True, slots=True)
class Requests:
    """The handler. A tenant sees its own requests only: subjects and keys carry it."""

    keyring: Callable[[], Keyring]
    lookup: Lookup
    exchanges: Exchanges
    endings: Endings
    metrics: Metrics
    timeout_ms: int

    async def serve(self, request_id: str, events: bool, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer GET, HEAD and DELETE. Returns the status, 0 if the client left first."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        tenant = self.keyring().tenant_of(headers.get(b"authorization"))
        if isinstance(tenant, ErrorAnswer):
            return await _refuse(send, tenant)
        if not is_token(request_id):
            return await _refuse(send, errors.unknown_request(request_id))
        try:
            if events:
                return await self._events(tenant, request_id, headers, scope, receive, send)
            body = await (self._cancel if scope["method"] == "DELETE" else self._tell)(tenant, request_id)
        except BusError:
            return await _refuse(send, errors.bus_unavailable())
        if body is None:
            return await _refuse(send, errors.unknown_request(request_id))
        await answer(send, 200, body, (JSON,))
        return 200

    async def _tell(self, tenant: str, request_id: str) -> bytes | None:
        found = await self.lookup.find(tenant, request_id)
        return None if found is None else _body(request_id, found)

    async def _cancel(self, tenant: str, request_id: str) -> bytes | None:
        if not await self.lookup.is_known(tenant, request_id):
            return None
        await self.endings.cancel(tenant, request_id)
        return await self._tell(tenant, request_id)

    async def _events(
        self, tenant: str, request_id: str, headers: dict[bytes, bytes], scope: Scope, receive: Receive, send: Send
    ) -> int:
        after = accept.resume_after(headers.get(b"last-event-id"), scope.get("query_string", b""))
        timeout_ms = accept.timeout_ms(headers.get(b"x-tokenlane-timeout-ms"), self.timeout_ms)
        for read in (after, timeout_ms):
            if isinstance(read, ErrorAnswer):
                return await _refuse(send, read)
        assert isinstance(after, Position)
        assert isinstance(timeout_ms, int)
        if not await self.lookup.is_known(tenant, request_id):
            return await _refuse(send, errors.unknown_request(request_id))
        first_event = after.events if after.digest is not None else 0
        exchange = await self.exchanges.follow(tenant, request_id, first_event, after.digest)
        give_up = partial(exchange.finish, errors.wait_exceeded())
        vigil = Vigil(exchange, scope, receive, timeout_ms / 1000, give_up)
        try:
            return await self._relay(exchange, after, scope, receive, send)
        finally:
            vigil.close()
            self.exchanges.close(exchange)

    async def _relay(self, exchange: Exchange, after: Position, scope: Scope, receive: Receive, send: Send) -> int:
        began = time.perf_counter()
        status, size = await relay(
            exchange,
            send,
            ((b"x-request-id", exchange.request_id.encode()),),
            lambda: self.metrics.first_byte[_NAME].observe(time.perf_counter() - began),
            Resumable(EventIds(after), partial(cut, scope, receive)),
        )
        self.metrics.sent_bytes.inc(size)
        self.metrics.duration[_NAME].observe(time.perf_counter() - began)
        return status


def _body(request_id: str, found: Found) -> bytes:
    if found.result is not None:
        return described.ended(request_id, found.result)
    return described.running(request_id, found.status, found.ahead)


async def _refuse(send: Send, error: ErrorAnswer) -> int:
    await answer_error(send, error)
    return error.status
