"""What others say about requests and ask: cancellations, questions for a request's state."""

import asyncio

import structlog

from tokenlane.v1.recovery_pb2 import RequestState, RequestStatus
from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusError
from tokenlane_classifier import replies
from tokenlane_classifier.decision import cancelled
from tokenlane_classifier.ledger import Entry, Key, Ledger
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.retry import backoff_s
from tokenlane_proto import subjects, topology
from tokenlane_proto.errors import MalformedMessageError

# Cancellations that are being written at a time.
_AT_ONCE = 64
_ATTEMPTS = 5


class Controls:
    """`cancel` and `status` are handlers of the bus."""

    def __init__(self, bus: Bus, ledger: Ledger, metrics: Metrics, log: structlog.stdlib.BoundLogger) -> None:
        self._bus = bus
        self._ledger = ledger
        self._metrics = metrics
        self._log = log
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def cancel(self, message: Message) -> None:
        """A request is not wanted any more: take it from the queue, or remember it for when it comes."""
        key = self._key(message)
        if key is None:
            return
        self._ledger.cancel(key, unix_ms())
        entry = self._ledger.find(key)
        if entry is not None and entry.lane_seq:
            task = asyncio.create_task(self._drop(key, entry))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def status(self, message: Message) -> None:
        """Somebody asks where a request is. Who does not know it says nothing."""
        key = self._key(message)
        entry = None if key is None else self._ledger.find(key)
        if entry is not None and message.reply:
            self._bus.post(message.reply, status_of(entry).SerializeToString())

    async def drop(self, key: Key, entry: Entry) -> None:
        """End a request that waits in its lane as cancelled. A worker may have it by now: what is stored first counts.
        Raises BusError."""
        end, request = cancelled(), _request(key, entry)
        tenant, request_id = key
        fields = results.result_headers(request_id, 1, end.outcome, end.status, results.JSON, end.message, end.code)
        body = results.error_body(end.message, end.error_type, end.code)
        if await results.store(self._bus, tenant, request_id, body, fields):
            replies.tell_end(self._bus, tenant, request, end)
            self._metrics.rejected(end.code)
        self._ledger.forget(*key)
        await self._bus.delete_message(topology.LANES, entry.lane_seq)
        if entry.body_object:
            await self._bus.delete_object(topology.BODY_STORE, entry.body_object)

    async def drain(self, grace_s: float) -> None:
        """Wait for the cancellations that are being written."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)

    async def _drop(self, key: Key, entry: Entry) -> None:
        async with self._slots:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    await self.drop(key, entry)
                    return
                except BusError as error:
                    self._log.warning("not cancelled yet", tenant=key[0], request=key[1], reason=str(error))
                await asyncio.sleep(backoff_s(attempt))

    def _key(self, message: Message) -> Key | None:
        request_id = message.data.decode(errors="replace")
        try:
            tenant = subjects.tenant_of(message.subject)
        except MalformedMessageError:
            return None
        return (tenant, request_id) if subjects.is_token(request_id) else None


def status_of(entry: Entry) -> RequestStatus:
    """Where a request is, as far as it is known here: a worker may have taken it since."""
    return RequestStatus(
        state=RequestState.REQUEST_STATE_QUEUED if entry.lane_seq else RequestState.REQUEST_STATE_ACCEPTED,
        lane=entry.lane,
        model=entry.model,
        lane_seq=entry.lane_seq,
        budget_tokens=entry.budget_tokens,
        accepted_unix_ms=entry.accepted_unix_ms,
    )


def _request(key: Key, entry: Entry) -> Request:
    reply_format = ReplyFormat.REPLY_FORMAT_PLAIN if entry.plain else ReplyFormat.REPLY_FORMAT_UNSPECIFIED
    return Request(request_id=key[1], reply_inbox=entry.reply_inbox, reply_format=reply_format)
