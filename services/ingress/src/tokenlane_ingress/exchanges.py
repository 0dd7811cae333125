"""All requests of this process that wait for their answer, found by the subject that the answer arrives on.

One wildcard subscription serves them all; the subject carries the tenant, so that no tenant's frame reaches another's
request.
"""

import itertools

import structlog

from tokenlane_chassis.bus import Bus, Message
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_ingress.exchange import Exchange
from tokenlane_proto import subjects
from tokenlane_proto.codec import decode_frame
from tokenlane_proto.errors import MalformedMessageError


class Exchanges:
    """`ingress_id` is one subject token, unique among the processes on the bus."""

    def __init__(self, bus: Bus, ingress_id: str, log: structlog.stdlib.BoundLogger) -> None:
        self._bus = bus
        self._ingress_id = ingress_id
        self._log = log
        self._numbers = itertools.count(1)
        self._by_subject: dict[str, Exchange] = {}
        self._own_ids: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._by_subject)

    async def listen(self) -> None:
        """Subscribe to the answers."""
        await self._bus.subscribe(subjects.reply("*", f"{self._ingress_id}.*"), self._receive)

    def open(self, tenant: str, client_id: str | None) -> tuple[Exchange, str] | None:
        """A new exchange and its reply inbox; None if the client's own id is in use."""
        number = next(self._numbers)
        inbox = f"{self._ingress_id}.{number:x}"
        if client_id is not None:
            if (tenant, client_id) in self._own_ids:
                return None
            self._own_ids.add((tenant, client_id))
        request_id = client_id or f"{self._ingress_id}-{number:x}"
        exchange = Exchange(tenant, request_id, subjects.reply(tenant, inbox), client_id is not None)
        self._by_subject[exchange.subject] = exchange
        return exchange, inbox

    def close(self, exchange: Exchange) -> None:
        """Forget it."""
        del self._by_subject[exchange.subject]
        self._own_ids.discard((exchange.tenant, exchange.request_id))

    def cancel(self, exchange: Exchange) -> None:
        """Tell whoever works on it to stop."""
        self._bus.post(subjects.cancel(exchange.tenant), exchange.request_id.encode())

    def finish_all(self, error: ErrorAnswer) -> None:
        """End every exchange with `error`."""
        for exchange in tuple(self._by_subject.values()):
            exchange.finish(error)

    def _receive(self, message: Message) -> None:
        exchange = self._by_subject.get(message.subject)
        if exchange is None:
            return
        try:
            exchange.feed(decode_frame(message.data))
        except MalformedMessageError as error:
            self._log.warning("frame ignored", request_id=exchange.request_id, error=str(error))
