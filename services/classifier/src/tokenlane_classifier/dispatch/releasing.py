"""Letting what waits into its lane, and ending what waited for too long."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial

import structlog

from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.errors import BusError
from tokenlane_classifier.decision import Reject, cancelled, expired
from tokenlane_classifier.retry import backoff_s
from tokenlane_proto import codec, headers, subjects, topology
from tokenlane_proto.errors import MalformedMessageError

# What a released message is named on top of its name where it waited, so that one that is released twice goes once.
_RELEASED = ".released"
_ATTEMPTS = 5

Act = Callable[[Message], Awaitable[None]]


class Releasing:
    """Moves messages of the stream of lanes. Stopped at any point, it leaves what the next dispatcher finds."""

    def __init__(self, bus: Bus, log: structlog.stdlib.BoundLogger) -> None:
        self._bus = bus
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def release(self, seq: int, found: bool = False) -> None:
        """Its turn has come. `found`: nobody knows what became of it before, so that it may be over."""
        self._spawn(self._patiently(seq, self._move_unless_over if found else self._move))

    def forget(self, seq: int) -> None:
        """Another message stands for its request."""
        self._spawn(self._patiently(seq, self._delete))

    def expire(self, seq: int) -> None:
        """Its deadline has passed."""
        self._spawn(self._patiently(seq, partial(self._end, expired())))

    def cancel(self, seq: int) -> None:
        """Nobody wants it any more."""
        self._spawn(self._patiently(seq, partial(self._end, cancelled())))

    @property
    def busy(self) -> int:
        """Messages that are being moved or ended."""
        return len(self._tasks)

    async def stop(self) -> None:
        """Leave the rest to the next dispatcher."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _patiently(self, seq: int, act: Act) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                message = await self._bus.stored_at(topology.LANES, seq)
                if message is not None:
                    await act(message)
                return
            except BusError as error:
                self._log.warning("not released yet", seq=seq, reason=str(error))
            await asyncio.sleep(backoff_s(attempt))

    async def _move(self, message: Message) -> None:
        if not subjects.is_held(message.subject):
            # It went before.
            return
        fields = {headers.MSG_ID: message.headers.get(headers.MSG_ID, str(message.seq)) + _RELEASED}
        if headers.TRACEPARENT in message.headers:
            fields[headers.TRACEPARENT] = message.headers[headers.TRACEPARENT]
        await self._bus.publish_durable(subjects.released(message.subject), message.data, fields)
        await self._bus.delete_message(topology.LANES, message.seq)

    async def _move_unless_over(self, message: Message) -> None:
        with contextlib.suppress(MalformedMessageError):
            tenant, request = subjects.parse_lane(message.subject).tenant, codec.decode_request(message.data)
            if await self._bus.last(topology.RESULTS, subjects.result(tenant, request.request_id)) is not None:
                await self._delete(message)
                return
        await self._move(message)

    async def _delete(self, message: Message) -> None:
        if subjects.is_held(message.subject):
            await self._bus.delete_message(topology.LANES, message.seq)

    async def _end(self, reject: Reject, message: Message) -> None:
        with contextlib.suppress(MalformedMessageError):
            tenant, request = subjects.parse_lane(message.subject).tenant, codec.decode_request(message.data)
            await results.publish_error(
                self._bus,
                tenant,
                request,
                status=reject.status,
                message=reject.message,
                error_type=reject.error_type,
                code=reject.code,
                outcome=reject.outcome,
            )
            if request.body_ref.object:
                await self._bus.delete_object(topology.BODY_STORE, request.body_ref.object)
        await self._bus.delete_message(topology.LANES, message.seq)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
