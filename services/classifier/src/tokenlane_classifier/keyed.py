"""The one place where an idempotency key is decided."""

import structlog

from tokenlane.v1.recovery_pb2 import KeyRecord
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis.bus import Bus
from tokenlane_classifier import replies
from tokenlane_classifier.decision import key_reused, result_gone
from tokenlane_classifier.keys import Standing, is_gone, record_of, standing
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.reading import is_own_object
from tokenlane_proto import codec, headers, subjects, topology
from tokenlane_proto.errors import MalformedMessageError

_STATUS_S = 0.25
_RESULTS_KEPT_S = next(spec.max_age_s for spec in topology.STREAMS if spec.name == topology.RESULTS)


class Keys:
    """Keeps the record of each key, and answers those who use one again."""

    def __init__(self, bus: Bus, metrics: Metrics, log: structlog.stdlib.BoundLogger) -> None:
        self._bus = bus
        self._metrics = metrics
        self._log = log

    async def admit(self, tenant: str, request: Request, requests_seq: int, now_unix_ms: int) -> bool:
        """Whether the request is the first with its key. If not, its inbox was told what there is to tell, and the body
        that it brought was removed. Raises BusError."""
        own = record_of(request, requests_seq)
        first = await self._first(tenant, request.request_id, own)
        found = standing(first, own)
        if first is None or found is Standing.FIRST:
            return True
        if first.refusal_seq:
            # Where another one was faster, the key is its.
            taken = await self._take(tenant, request.request_id, own, first)
            return taken or await self.admit(tenant, request, requests_seq, now_unix_ms)
        self._metrics.repeated(found.name.lower())
        if found is Standing.CONFLICT:
            replies.refuse(self._bus, tenant, request, key_reused())
        else:
            await self._tell(tenant, request, first, now_unix_ms)
        # A copy has the first one's body.
        if found is not Standing.COPY and is_own_object(request.body_ref.object, tenant, request.request_id):
            await self._bus.delete_object(topology.BODY_STORE, request.body_ref.object)
        return False

    async def refused(self, tenant: str, request: Request, requests_seq: int) -> None:
        """The request has a result. If that is a refusal with a time to come again, its key is free from now on. Raises
        BusError."""
        if not request.idempotency_key:
            return
        result = await self._bus.last(topology.RESULTS, subjects.result(tenant, request.request_id))
        if result is None or headers.RETRY_AFTER_MS not in result.headers:
            return
        key = topology.key_record(tenant, request.request_id)
        revision, record = await self._record(key)
        if record is not None and record.requests_seq == requests_seq:
            record.refusal_seq = result.seq
            await self._bus.update(topology.KEY_BUCKET, key, record.SerializeToString(), revision)

    async def _take(self, tenant: str, request_id: str, own: KeyRecord, first: KeyRecord) -> bool:
        """Whether the key of the refused `first` is this one's from now on. The refusal goes before the record says so:
        it would be taken for this one's result."""
        await self._bus.delete_message(topology.RESULTS, first.refusal_seq)
        key = topology.key_record(tenant, request_id)
        revision, record = await self._record(key)
        if record != first:
            return False
        return await self._bus.update(topology.KEY_BUCKET, key, own.SerializeToString(), revision)

    async def _record(self, key: str) -> tuple[int, KeyRecord | None]:
        revision, value = await self._bus.entry(topology.KEY_BUCKET, key)
        try:
            return revision, None if value is None else codec.decode_key_record(value)
        except MalformedMessageError:
            return revision, None

    async def _first(self, tenant: str, request_id: str, own: KeyRecord) -> KeyRecord | None:
        """The record of the first request, None if this is it."""
        key = topology.key_record(tenant, request_id)
        value = await self._bus.create(topology.KEY_BUCKET, key, own.SerializeToString())
        try:
            return None if value is None else codec.decode_key_record(value)
        except MalformedMessageError as error:
            self._log.warning("key record ignored", key=key, reason=str(error))
            return None

    async def _tell(self, tenant: str, request: Request, first: KeyRecord, now_unix_ms: int) -> None:
        """Say where the first request's answer is. One that still comes needs no word: who asked again follows it."""
        result = await self._bus.last(topology.RESULTS, subjects.result(tenant, request.request_id))
        if result is not None:
            replies.tell_stored(self._bus, tenant, request, result)
        elif is_gone(first, _RESULTS_KEPT_S, now_unix_ms) and not await self._is_alive(tenant, request.request_id):
            replies.refuse(self._bus, tenant, request, result_gone())

    async def _is_alive(self, tenant: str, request_id: str) -> bool:
        """Whether anybody has the request."""
        return bool(await self._bus.ask(subjects.status(tenant), request_id.encode(), _STATUS_S))
