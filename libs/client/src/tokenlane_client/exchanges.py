"""All answers that this process reads, found by the subject that they arrive on.

One wildcard subscription serves them all; the subject carries the tenant, so that no tenant's frame reaches another's
reader. What the bus lost on the way is noticed and healed: a gap, a reconnect, a long silence.
"""

import asyncio
import itertools
import random

import structlog

from tokenlane.v1.recovery_pb2 import Shown
from tokenlane_chassis.bus import Bus, Message, Subscription
from tokenlane_client.exchange import Exchange
from tokenlane_client.failure import Failure
from tokenlane_client.following import Following
from tokenlane_client.healing import Healer
from tokenlane_client.silence import Silence
from tokenlane_proto import subjects
from tokenlane_proto.codec import decode_frame
from tokenlane_proto.errors import MalformedMessageError

_SWEEP_S = 1.0


class Exchanges:
    """`reader_id` is one subject token, unique among the processes on the bus; `tenant` the only one that this process
    reads for, if it is one."""

    def __init__(self, bus: Bus, reader_id: str, log: structlog.stdlib.BoundLogger, tenant: str = "*") -> None:
        self._bus = bus
        self._reader_id = reader_id
        self._log = log
        self._tenant = tenant
        self._numbers = itertools.count(1)
        self._by_subject: dict[str, Exchange] = {}
        self._own_ids: dict[tuple[str, str], Exchange] = {}
        self._healer = Healer(bus)
        self._following = Following(bus, self._healer, log)
        # Made when an exchange is looked at first: most are over before.
        self._silences: dict[Exchange, Silence | None] = {}
        self._subscriptions: list[Subscription] = []
        self._sweeper: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._by_subject)

    async def listen(self) -> None:
        """Subscribe to the answers, and to the question what was shown of them."""
        inboxes = f"{self._reader_id}.*"
        self._subscriptions = [
            await self._bus.subscribe(subjects.reply(self._tenant, inboxes), self._receive),
            await self._bus.subscribe(subjects.shown(self._tenant, inboxes), self._tell_shown),
        ]
        self._bus.on_reconnected(self._reconnected)
        self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)

    async def stop(self) -> None:
        """Hear and heal nothing more."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for exchange in tuple(self._by_subject.values()):
            self.close(exchange)
        await self._healer.stop()
        await self._following.stop()
        for subscription in self._subscriptions:
            await subscription.unsubscribe()

    def open(self, tenant: str, request_id: str | None, body_sha256: bytes = b"") -> Exchange | None:
        """An exchange for a request that this process publishes, with an id of its own if `request_id` is None.

        None if that id is open here. With `body_sha256`, of the body that came with an idempotency key, there may be
        any number: the stream tells whether it had that request already (`turn_to_follow`), the classifier whether the
        key stands for another body."""
        if request_id is not None and not body_sha256 and (tenant, request_id) in self._own_ids:
            return None
        number = next(self._numbers)
        exchange = Exchange(
            tenant,
            request_id or f"{self._reader_id}-{number:x}",
            f"{self._reader_id}.{number:x}",
            self._healer.missed,
            body_sha256=body_sha256,
        )
        if request_id is not None and not body_sha256:
            self._own_ids[tenant, request_id] = exchange
        self._add(exchange)
        return exchange

    async def follow(
        self,
        tenant: str,
        request_id: str,
        first_event: int = 0,
        digest: int | None = None,
        body_sha256: bytes = b"",
        refusal_seq: int = 0,
    ) -> Exchange:
        """An exchange for a request that was published already, here or elsewhere: what comes after its first
        `first_event` events, whose digest is `digest` (None: not compared). With `body_sha256` it ends in a failure if
        the request's idempotency key stands for another body; `refusal_seq` is not its answer then."""
        exchange = Exchange(
            tenant,
            request_id,
            f"{self._reader_id}.{next(self._numbers):x}",
            self._healer.missed,
            first_event=first_event,
            digest=digest if first_event else 0,
            body_sha256=body_sha256,
            refusal_seq=refusal_seq,
        )
        self._add(exchange)
        await self._following.begin(exchange)
        return exchange

    async def turn_to_follow(self, exchange: Exchange) -> None:
        """The stream had the request already (`Stored.duplicate`): read the first one's answer."""
        # Its message id names the body too.
        exchange.body_sha256 = b""
        await self._following.begin(exchange)

    def close(self, exchange: Exchange) -> None:
        """Forget it, if that was not done before."""
        if self._by_subject.pop(subjects.reply(exchange.tenant, exchange.inbox), None) is None:
            return
        del self._silences[exchange]
        own_id = (exchange.tenant, exchange.request_id)
        if self._own_ids.get(own_id) is exchange:
            del self._own_ids[own_id]
        self._healer.forget(exchange)
        self._following.end(exchange)

    def cancel(self, exchange: Exchange) -> None:
        """Tell whoever works on it to stop."""
        self._bus.post(subjects.cancel(exchange.tenant), exchange.request_id.encode())

    def finish_all(self, error: Failure) -> None:
        """End every exchange with `error`."""
        for exchange in tuple(self._by_subject.values()):
            exchange.finish(error)

    def _add(self, exchange: Exchange) -> None:
        self._by_subject[subjects.reply(exchange.tenant, exchange.inbox)] = exchange
        self._silences[exchange] = None

    def _receive(self, message: Message) -> None:
        exchange = self._by_subject.get(message.subject)
        if exchange is None:
            return
        try:
            exchange.feed(decode_frame(message.data))
        except MalformedMessageError as error:
            self._log.warning("frame ignored", request_id=exchange.request_id, error=str(error))

    def _tell_shown(self, message: Message) -> None:
        exchange = self._by_subject.get("replies" + message.subject.removeprefix("shown"))
        if exchange is not None:
            self._following.tell_shown(exchange, message)
        elif message.reply:
            # Nobody reads any more; without an answer the worker would wait for one.
            self._bus.post(message.reply, Shown().SerializeToString())

    def _reconnected(self) -> None:
        now = asyncio.get_running_loop().time()
        for exchange in self._silences:
            self._silence_of(exchange, now).reconnected(now)
            self._healer.heal(exchange)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for exchange in self._silences:
            heard, exchange.heard = exchange.heard, False
            if self._silence_of(exchange, now).overdue(heard, now) and not exchange.ended:
                self._ask(exchange)
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep)

    def _silence_of(self, exchange: Exchange, now: float) -> Silence:
        silence = self._silences[exchange]
        if silence is None:
            silence = self._silences[exchange] = Silence(now, random.random)
        return silence

    def _ask(self, exchange: Exchange) -> None:
        # The classifier may have dropped this copy of a request that runs already: its answer goes to others.
        if exchange.body_sha256:
            self._following.begin_soon(exchange)
        else:
            self._healer.heal(exchange)
