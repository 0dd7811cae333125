"""The client of backend services: requests go to the bus, answers come from it, and what dies between is not noticed.

Every request has an idempotency key, so that sending it again is safe.
"""

import logging
import secrets
import uuid
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Unpack, overload

import structlog
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tokenlane_chassis import clock
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_chassis.errors import StartError
from tokenlane_client.bodies import Answer, Body, encode
from tokenlane_client.envelope import Envelope, Terms, seal
from tokenlane_client.errors import BUS_UNAVAILABLE, BusUnavailable
from tokenlane_client.failure import SERVER_ERROR, Failure
from tokenlane_client.handle import Handle, read
from tokenlane_client.params import ChatRequest, CompletionRequest, Options
from tokenlane_client.session import Session, whole
from tokenlane_client.streaming import Stream
from tokenlane_client.waiting import OnWaiting
from tokenlane_proto.subjects import is_token

_GONE = Failure(503, "The connection to the bus is closed.", SERVER_ERROR, BUS_UNAVAILABLE)
# A request expires on the other side; that it did so comes a moment later.
_SLACK_S = 1.0


class Client:
    """Requests of one tenant over `bus`: `async with Client(bus, "tenant") as client`, or `Client.connect`.

    `timeout_s`: the time each request has unless it says otherwise; None leaves it to the tenant's default.
    `patience_s`: how long to try to hand a request to a bus that does not answer."""

    def __init__(self, bus: Bus, tenant: str, *, timeout_s: float | None = None, patience_s: float = 30) -> None:
        if not is_token(tenant):
            raise ValueError(f"tenant {tenant!r} must be 1 to 64 characters of [A-Za-z0-9_-]")
        self._bus = bus
        self._own_bus = False
        self._timeout_s = timeout_s
        self._session = Session(bus, tenant, secrets.token_hex(6), patience_s, _log())

    @classmethod
    async def connect(
        cls,
        nats_url: str = "nats://127.0.0.1:4222",
        tenant: str = "default",
        *,
        creds_file: str | Path | None = None,
        connect_timeout_s: float = 10,
        timeout_s: float | None = None,
        patience_s: float = 30,
    ) -> "Client":
        """A client with a connection of its own, which `close` ends. Several servers are separated by commas. Once
        connected, it connects again for ever. Raises BusUnavailable."""
        clients: list[Client] = []

        def closed() -> None:
            for client in clients:
                client._session.finish_all(_GONE)

        options = BusOptions(nats_url, Path(creds_file) if creds_file else None, start_timeout_s=connect_timeout_s)
        try:
            bus = await connect(
                options,
                "client",
                _log(),
                closed,
                ensure_topology=False,
                inbox_prefix=f"_INBOX_{tenant}",
                by_subject=True,
            )
        except StartError as error:
            raise BusUnavailable(str(error)) from None
        client = cls(bus, tenant, timeout_s=timeout_s, patience_s=patience_s)
        client._own_bus = True
        clients.append(client)
        return client

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop reading; requests go on. What still waits here ends with BusUnavailable."""
        self._session.finish_all(_GONE)
        await self._session.stop()
        if self._own_bus:
            await self._bus.close()

    @overload
    async def create(self, body: None = None, **params: Unpack[ChatRequest]) -> ChatCompletion: ...
    @overload
    async def create(self, body: None = None, **params: Unpack[CompletionRequest]) -> Completion: ...
    @overload
    async def create(self, body: Body, **params: Unpack[Options]) -> Answer: ...
    async def create(self, body: Body | None = None, **params: Any) -> Answer:
        """Send a request and return its answer. Give OpenAI's parameters (`messages` for a chat, `prompt` for a
        completion) or a whole `body`, beside the `Options`.

        Cancelled while it waits, it cancels the request, unless it has an `idempotency_key` of the caller's own: asking
        again with that key gets the same answer. Raises TokenlaneError."""
        call = self._call(body, params, stream=False)
        exchange = await self._session.begin(call.sealed)
        try:
            return await whole(exchange, call.wait_s, call.on_waiting)
        finally:
            self._session.end(exchange, cancel=call.private)

    @overload
    def stream(self, body: None = None, **params: Unpack[ChatRequest]) -> Stream[ChatCompletionChunk]: ...
    @overload
    def stream(self, body: None = None, **params: Unpack[CompletionRequest]) -> Stream[Completion]: ...
    @overload
    def stream(self, body: Body, **params: Unpack[Options]) -> Stream[Any]: ...
    def stream(self, body: Body | None = None, **params: Any) -> Stream[Any]:
        """Chunks of the answer as they come; parameters as for `create`. The same call again, with the same
        `idempotency_key`, gives the same stream from its beginning. Raises RequestFailed for a wrong body."""
        call = self._call(body, params, stream=True)
        end = partial(self._session.end, cancel=call.private)
        begin = partial(self._session.begin, call.sealed)
        return Stream(call.sealed.request.request_id, begin, end, call.wait_s, call.on_waiting)

    @overload
    async def submit(self, body: None = None, **params: Unpack[ChatRequest]) -> Handle[ChatCompletion]: ...
    @overload
    async def submit(self, body: None = None, **params: Unpack[CompletionRequest]) -> Handle[Completion]: ...
    @overload
    async def submit(self, body: Body, **params: Unpack[Options]) -> Handle[Answer]: ...
    async def submit(self, body: Body | None = None, **params: Any) -> Handle[Any]:
        """Send a request and return once the bus has accepted it: it will end, whoever dies. Parameters as for
        `create`. Raises BusUnavailable, RequestFailed."""
        call = self._call(body, params, stream=False)
        refused = await self._session.submit(call.sealed, is_new=call.private)
        request = call.sealed.request
        return Handle(self._session, request.request_id, request.idempotency_key, request.body_sha256, refused)

    async def result(self, request_id: str) -> Answer:
        """The answer of a request that was accepted, by whomever, once it is there; results are kept for an hour. Waits
        for ever for a request that never was. Raises TokenlaneError."""
        return await read(self._session, request_id)

    async def cancel(self, request_id: str) -> bool:
        """Stop a request; False if it has ended already. Raises BusUnavailable."""
        return await self._session.cancel(request_id)

    def _call(self, body: Body | None, params: dict[str, Any], stream: bool) -> "_Call":
        key = params.pop("idempotency_key", None)
        timeout_s = params.pop("timeout_s", None)
        if timeout_s is None:
            timeout_s = self._timeout_s
        terms = Terms(timeout_s, params.pop("priority", None), params.pop("ttft_s", None))
        on_waiting = params.pop("on_waiting", None)
        encoded = encode(body, params, params.pop("extra_body", None), stream)
        sealed = seal(encoded, key or uuid.uuid4().hex, terms, clock.unix_ms())
        if sealed.request.facts.stream != stream:
            raise ValueError("`stream` streams, `create` and `submit` do not: the body says otherwise")
        return _Call(sealed, None if timeout_s is None else timeout_s + _SLACK_S, key is None, on_waiting)


class _Call(NamedTuple):
    sealed: Envelope
    # How long to wait for the answer. None: as long as it takes.
    wait_s: float | None
    # Nobody else knows its key: without its reader the request is for nothing.
    private: bool
    on_waiting: OnWaiting | None


def _log() -> structlog.stdlib.BoundLogger:
    """The standard library's logger `tokenlane`: what becomes of it is the program's decision."""
    log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger("tokenlane"),
        processors=[structlog.processors.KeyValueRenderer(key_order=["event"])],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return log
