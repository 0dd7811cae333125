"""Handing a request to the bus. Its acknowledgement is the acceptance."""

import secrets
from collections.abc import Mapping

from tokenlane.v1.request_pb2 import BodyRef
from tokenlane_chassis.bus import Bus, Stored
from tokenlane_chassis.errors import BusError, BusUnavailableError, MessageTooLargeError, StreamFullError
from tokenlane_client.again import another_id, was_refused
from tokenlane_ingress import errors
from tokenlane_ingress.envelope import Admitted, encode, message_id
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_proto import subjects
from tokenlane_proto.headers import MSG_ID
from tokenlane_proto.topology import BODY_STORE, ENVELOPE_OVERHEAD_BYTES, RESULTS

_SAMPLE_BYTES = 4096


class Publisher:
    """Publishes requests, each under a message id that the stream keeps apart. A body larger than a message goes to the
    object store; whoever ends the request deletes it there."""

    def __init__(self, bus: Bus, max_body_bytes: int) -> None:
        self._bus = bus
        self._max_body_bytes = max_body_bytes
        self._newest = 0

    async def publish(
        self, admitted: Admitted, request_id: str, inbox: str, now_ms: int, trace: Mapping[str, str] | None
    ) -> Stored | ErrorAnswer:
        """The stream's acknowledgement. After `bus_unavailable` it may have the request or not. `now_ms` in
        milliseconds since the Unix epoch."""
        fields = {MSG_ID: message_id(admitted, request_id)}
        if trace:
            fields.update(trace)
        newest = self._newest
        body_ref = None
        try:
            if admitted.request_id and not admitted.key and await self._has_ended(admitted.tenant, request_id):
                return errors.request_id_in_use(request_id)
            if len(admitted.body) > self._bus.max_payload - ENVELOPE_OVERHEAD_BYTES:
                body_ref = await self._deposit(admitted, request_id)
            payload = encode(admitted, request_id, inbox, now_ms, body_ref)
            stored = await self._send(admitted, request_id, payload, fields)
        except StreamFullError:
            await self._withdraw(body_ref)
            return errors.queue_full()
        except MessageTooLargeError:
            await self._withdraw(body_ref)
            return errors.body_too_large(self._max_body_bytes)
        except BusUnavailableError:
            return errors.bus_unavailable()
        if stored.duplicate and stored.seq <= newest:
            # Somebody else's copy: this one's own would have come after what this process published before.
            await self._withdraw(body_ref)
            return stored if admitted.key else errors.request_id_in_use(request_id)
        if stored.seq > newest:
            self._newest = stored.seq
        return stored

    async def _send(self, admitted: Admitted, request_id: str, payload: bytes, fields: dict[str, str]) -> Stored:
        subject = subjects.requests(admitted.tenant)
        stored = await self._bus.publish_durable(subject, payload, fields)
        if admitted.key and await was_refused(self._bus, admitted.tenant, request_id, stored):
            fields[MSG_ID] = another_id(fields[MSG_ID])
            stored = await self._bus.publish_durable(subject, payload, fields)
        return stored

    async def _has_ended(self, tenant: str, request_id: str) -> bool:
        """Whether the client used its id before, longer ago than the stream remembers: the answer is there still, and
        would be taken for that of the new request."""
        return await self._bus.last(RESULTS, subjects.result(tenant, request_id)) is not None

    async def _deposit(self, admitted: Admitted, request_id: str) -> BodyRef:
        name = f"{admitted.tenant}.{request_id}.{secrets.token_hex(8)}"
        await self._bus.put_object(BODY_STORE, name, admitted.body)
        return BodyRef(object=name, size=len(admitted.body), sample=admitted.body[:_SAMPLE_BYTES])

    async def _withdraw(self, body_ref: BodyRef | None) -> None:
        if body_ref is None:
            return
        try:
            await self._bus.delete_object(BODY_STORE, body_ref.object)
        except BusError:
            # The store forgets it by itself, later.
            return
