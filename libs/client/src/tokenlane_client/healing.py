"""Fetching what a reader missed: from the stored result, or from the worker that runs the request."""

import asyncio
import contextlib

from tokenlane.v1.recovery_pb2 import Attach
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import BusError
from tokenlane_chassis.tasks import end
from tokenlane_client import failure
from tokenlane_client.exchange import Exchange
from tokenlane_proto import subjects
from tokenlane_proto.codec import decode_key_record
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.topology import KEY_BUCKET, key_record

# Look-ups that one process has in flight: a reconnect heals all of its readers at once.
_AT_ONCE = 32
# Between two attempts while something is known to be missing.
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 5.0


class _Case:
    """One exchange that is being healed."""

    __slots__ = ("again", "pause_s", "task", "timer")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.pause_s = _FIRST_PAUSE_S
        # Wanted once more, for a reason that came up while it ran.
        self.again = False


class Healer:
    """Heals exchanges, each by one task at a time."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._cases: dict[Exchange, _Case] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._ending: set[asyncio.Task[None]] = set()

    def heal(self, exchange: Exchange) -> None:
        """Look now."""
        if exchange.ended:
            return
        case = self._cases.setdefault(exchange, _Case())
        if case.task is not None:
            case.again = True
        else:
            self._begin(exchange, case)

    def missed(self, exchange: Exchange) -> None:
        """Look now and, with growing pauses, until what is missing is there. Cheap to call for each frame."""
        exchange.missing = True
        case = self._cases.get(exchange)
        if case is None or (case.task is None and case.timer is None):
            self.heal(exchange)

    def forget(self, exchange: Exchange) -> None:
        """It was closed."""
        case = self._cases.pop(exchange, None)
        if case is None:
            return
        if case.timer is not None:
            case.timer.cancel()
        if case.task is not None:
            case.task.cancel()
            self._ending.add(case.task)
            case.task.add_done_callback(self._ending.discard)

    async def stop(self) -> None:
        """Heal nothing more."""
        for exchange in tuple(self._cases):
            self.forget(exchange)
        for task in tuple(self._ending):
            await end(task)

    def _begin(self, exchange: Exchange, case: _Case) -> None:
        if case.timer is not None:
            case.timer.cancel()
            case.timer = None
        case.task = asyncio.get_running_loop().create_task(self._run(exchange, case), name="heal")

    async def _run(self, exchange: Exchange, case: _Case) -> None:
        async with self._turns:
            case.again = True
            while case.again and not exchange.ended:
                case.again = False
                # Without the bus there is nothing to find; its reconnect is the next occasion.
                with contextlib.suppress(BusError):
                    await self._look(exchange)
        case.task = None
        if exchange.ended or not exchange.missing:
            self._cases.pop(exchange, None)
        elif exchange in self._cases:
            case.timer = asyncio.get_running_loop().call_later(case.pause_s, self._look_again, exchange, case)
            case.pause_s = min(case.pause_s * 2, _LONGEST_PAUSE_S)

    def _look_again(self, exchange: Exchange, case: _Case) -> None:
        case.timer = None
        if exchange.missing and not exchange.ended:
            self._begin(exchange, case)
        else:
            self._cases.pop(exchange, None)

    async def _look(self, exchange: Exchange) -> None:
        if exchange.body_sha256 and not await self._is_its_own(exchange):
            return
        result = await results.load(self._bus, exchange.tenant, exchange.request_id)
        if exchange.ended:
            return
        if result is not None:
            exchange.feed_result(result.body, result.headers)
            return
        attach = Attach(request_id=exchange.request_id, inbox=exchange.inbox, first_event=exchange.events)
        digest = exchange.digest if exchange.events else None
        if digest is not None:
            attach.digest = digest
        self._bus.post(subjects.attach(exchange.tenant), attach.SerializeToString())

    async def _is_its_own(self, exchange: Exchange) -> bool:
        """Whether the key of a request stands for its body. Before the classifier has decided, what is there may be the
        answer to another body under the same key."""
        asked = exchange.body_sha256
        stored = await self._bus.get(KEY_BUCKET, key_record(exchange.tenant, exchange.request_id))
        if stored is None:
            return False
        try:
            record = decode_key_record(stored)
        except MalformedMessageError:
            return False
        if record.refusal_seq and record.refusal_seq == exchange.refusal_seq:
            # What it came again after, as long as the classifier has not decided.
            return False
        if record.body_sha256 != asked:
            exchange.finish(failure.key_reused())
            return False
        exchange.body_sha256 = b""
        return True
