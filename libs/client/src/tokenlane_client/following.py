"""Readers of a request that somebody else published: no worker knows their inbox before they attach.

They hear when an attempt begins and when the result is stored, and fetch what they miss each time.
"""

import asyncio
from collections.abc import Coroutine
from functools import partial

import structlog

from tokenlane_chassis.bus import Bus, Message, Subscription
from tokenlane_client.exchange import Exchange
from tokenlane_client.healing import Healer
from tokenlane_proto import subjects
from tokenlane_proto.codec import decode_started
from tokenlane_proto.errors import MalformedMessageError


class Following:
    """Keeps the subscriptions of readers that follow."""

    def __init__(self, bus: Bus, healer: Healer, log: structlog.stdlib.BoundLogger) -> None:
        self._bus = bus
        self._healer = healer
        self._log = log
        self._subscriptions: dict[Exchange, list[Subscription]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, exchange: Exchange) -> None:
        """Follow from now on, and fetch what there is."""
        if exchange not in self._subscriptions:
            mine = self._subscriptions[exchange] = []
            tenant, request_id = exchange.tenant, exchange.request_id
            for subject, handler in (
                (subjects.started(tenant, request_id), self._started),
                (subjects.result(tenant, request_id), self._stored),
            ):
                mine.append(await self._bus.subscribe(subject, partial(handler, exchange)))
            if self._subscriptions.get(exchange) is not mine:
                await _unsubscribe(mine)
                return
        self._healer.heal(exchange)

    def begin_soon(self, exchange: Exchange) -> None:
        """The same, from a callback."""
        self._do(self.begin(exchange))

    def end(self, exchange: Exchange) -> None:
        """It was closed."""
        subscriptions = self._subscriptions.pop(exchange, [])
        if len(subscriptions) == 2:
            self._do(_unsubscribe(subscriptions))

    async def stop(self) -> None:
        """Return when the last subscription is ended."""
        await asyncio.gather(*self._tasks)

    def tell_shown(self, exchange: Exchange, message: Message) -> None:
        """An attempt begins: nothing of an earlier one is shown any more, and its worker may ask what was."""
        try:
            started = decode_started(message.data)
        except MalformedMessageError as error:
            self._log.warning("message ignored", request_id=exchange.request_id, error=str(error))
            return
        exchange.supersede(started.attempt)
        if message.reply:
            self._bus.post(message.reply, exchange.shown().SerializeToString())

    def _started(self, exchange: Exchange, message: Message) -> None:
        self.tell_shown(exchange, message)
        self._healer.heal(exchange)

    def _stored(self, exchange: Exchange, _: Message) -> None:
        # What was heard may be refused, because a result is there already; that one counts.
        self._healer.missed(exchange)

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="following")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _unsubscribe(subscriptions: list[Subscription]) -> None:
    for subscription in subscriptions:
        await subscription.unsubscribe()
