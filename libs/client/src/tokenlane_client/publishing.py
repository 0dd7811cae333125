"""Handing a request to the bus, and again while the bus is away: its idempotency key makes that safe."""

import asyncio
import contextlib
import secrets

from tokenlane_chassis.bus import Bus, Stored
from tokenlane_chassis.errors import BusError, BusUnavailableError, MessageTooLargeError, StreamFullError
from tokenlane_client import envelope
from tokenlane_client.again import another_id, was_refused
from tokenlane_client.envelope import Envelope
from tokenlane_client.errors import BusUnavailable, RequestFailed
from tokenlane_client.failure import INVALID_REQUEST, Failure
from tokenlane_proto import subjects
from tokenlane_proto.headers import MSG_ID
from tokenlane_proto.topology import BODY_STORE

_PAUSE_S = 0.25


class Publisher:
    """Publishes requests of one tenant. `patience_s`: how long it tries while the bus does not answer."""

    def __init__(self, bus: Bus, tenant: str, patience_s: float) -> None:
        self._bus = bus
        self._tenant = tenant
        self._patience_s = patience_s
        # Sequence of the newest request that the stream took from here.
        self._newest = 0

    async def publish(self, sealed: Envelope, inbox: str = "") -> bool:
        """Whether the stream takes it as new; False if it had it already. Raises BusUnavailable, RequestFailed."""
        request_id = sealed.request.request_id
        try:
            return await self._persist(sealed, inbox)
        except BusUnavailableError as error:
            raise BusUnavailable(str(error), request_id) from None
        except StreamFullError:
            refusal = Failure(429, "The queue is full. Try again later.", "rate_limit_error", "queue_full")
        except MessageTooLargeError as error:
            refusal = Failure(413, str(error), INVALID_REQUEST, "request_too_large")
        raise RequestFailed(refusal, request_id)

    async def _persist(self, sealed: Envelope, inbox: str) -> bool:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience_s
        while True:
            try:
                return await self._once(sealed, inbox)
            except BusUnavailableError:
                if loop.time() >= give_up_at:
                    raise
            await asyncio.sleep(_PAUSE_S)

    async def _once(self, sealed: Envelope, inbox: str) -> bool:
        if envelope.fits(sealed.body, self._bus.max_payload):
            return not (await self._send(sealed, envelope.with_body(sealed, inbox))).duplicate
        name = f"{self._tenant}.{sealed.request.request_id}.{secrets.token_hex(8)}"
        await self._bus.put_object(BODY_STORE, name, sealed.body)
        newest = self._newest
        try:
            stored = await self._send(sealed, envelope.with_object(sealed, inbox, name))
        except BusUnavailableError:
            # The stream may have the request, and then its worker needs the object; else its age ends it.
            raise
        except BusError:
            await self._discard(name)
            raise
        if stored.duplicate and stored.seq <= newest:
            # Another copy's; this one's own would have come after what was published from here before.
            await self._discard(name)
        return not stored.duplicate

    async def _discard(self, name: str) -> None:
        # Its age ends it where this does not.
        with contextlib.suppress(BusError):
            await self._bus.delete_object(BODY_STORE, name)

    async def _send(self, sealed: Envelope, payload: bytes) -> Stored:
        subject, message_id = subjects.requests(self._tenant), f"{self._tenant}.{sealed.message_id}"
        stored = await self._bus.publish_durable(subject, payload, {MSG_ID: message_id})
        if await was_refused(self._bus, self._tenant, sealed.request.request_id, stored):
            stored = await self._bus.publish_durable(subject, payload, {MSG_ID: another_id(message_id)})
        self._newest = max(self._newest, stored.seq)
        return stored
