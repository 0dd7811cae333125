"""A long-lived pull: requests for messages stay parked at the server, so that work arrives the moment it is there.

nats-py's `fetch` asks anew for each batch and loses what is parked when the server restarts. Here one inbox serves all
requests; the server tells how many of a request's messages will not come (status 404, 408, 409), and a reconnect or a
missed heartbeat starts over with a new inbox.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from tokenlane_chassis.bus import DeliveryHandler
from tokenlane_chassis.lease import Lease, SignsOfLife
from tokenlane_proto.topology import ConsumerSpec

_EXPIRES_S = 30
_HEARTBEAT_S = 5
# The server cuts a connection that has more than 64 MB waiting to be written to it, so a request for many messages is
# bounded in bytes too. It must exceed any `max_payload` in use. Unit: bytes.
_MAX_BYTES = 16 * 1024 * 1024
# Of a ranked consumer. Its pulls have to name it.
PRIORITY_GROUP = "ranked"
_EMPTY: Mapping[str, str] = {}
_STATUS = "Status"
_HEARTBEAT = "100"
_PENDING_MESSAGES = "Nats-Pending-Messages"

Post = Callable[[str, bytes, str], None]


class NatsDelivery:
    """A pulled message. The acknowledgement subject carries what the server knows of the delivery."""

    __slots__ = (
        "__weakref__",
        "_number",
        "_post",
        "_reply",
        "_signs",
        "attempt",
        "data",
        "headers",
        "lease",
        "stream_seq",
        "subject",
    )

    def __init__(self, message: Msg, post: Post, signs: SignsOfLife, ack_wait_s: float) -> None:
        self.subject: str = message.subject
        self.data: bytes = message.data
        self.headers: Mapping[str, str] = message.headers or _EMPTY
        self._reply: str = message.reply
        self._post = post
        self._signs = signs
        self._number = 0
        self.lease = Lease(ack_wait_s, time.monotonic())
        # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<stream seq>.…
        parts = message.reply.split(".")
        first = 4 if len(parts) == 9 else 6
        self.attempt = int(parts[first])
        self.stream_seq = int(parts[first + 1])

    @property
    def lost(self) -> bool:
        return self.lease.lost(time.monotonic())

    def ack(self) -> None:
        self._settle(b"+ACK")

    def nak(self, delay_s: float = 0) -> None:
        self._settle(b"-NAK " + json.dumps({"delay": int(delay_s * 1e9)}).encode() if delay_s else b"-NAK")

    def in_progress(self) -> None:
        self._number = self._number or self._signs.register(self)
        self._post(self._reply, b"+WPI", self._signs.reply(self._number))

    def _settle(self, verdict: bytes) -> None:
        # The broker would believe it, though another may be at work by now.
        if not self.lost:
            self._post(self._reply, verdict, "")


class Source(NamedTuple):
    """What is pulled from, with which rank. `ack_wait_s`: how long the broker waits for a sign of life."""

    consumer: ConsumerSpec
    rank: int
    ack_wait_s: float

    @property
    def subject(self) -> str:
        """Where messages are asked for."""
        return f"$JS.API.CONSUMER.MSG.NEXT.{self.consumer.stream}.{self.consumer.name}"

    def ask(self, count: int) -> bytes:
        """A request for `count` messages."""
        fields: dict[str, object] = {
            "batch": count,
            "max_bytes": _MAX_BYTES,
            "expires": int(_EXPIRES_S * 1e9),
            "idle_heartbeat": int(_HEARTBEAT_S * 1e9),
        }
        if self.consumer.ranked:
            fields |= {"group": PRIORITY_GROUP, "priority": self.rank}
        return json.dumps(fields).encode()


class NatsPuller:
    """See `Bus.pull`."""

    def __init__(
        self,
        client: Client,
        source: Source,
        handler: DeliveryHandler,
        target: Callable[[], int],
        post: Post,
        signs: SignsOfLife,
    ) -> None:
        self._client = client
        self._source = source
        self._handler = handler
        self._target = target
        self._post = post
        self._signs = signs
        self._outstanding = 0
        self._heard = 0.0
        self._inbox = ""
        self._subscription: NatsSubscription | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        """Open the inbox and ask for the first messages."""
        await self._open()
        self._watchdog = asyncio.create_task(self._watch(), name="pull-watchdog")

    async def restart(self) -> None:
        """Forget what is parked, for the server has: after a reconnect, or when it fell silent."""
        if not self._stopped:
            await self._close()
            await self._open()

    def poke(self) -> None:
        # Ask in halves, so that not every delivery costs a request.
        wanted = 0 if self._stopped else self._target()
        if wanted <= 0 or self._outstanding * 2 > wanted:
            return
        count = wanted - self._outstanding
        if self._outstanding == 0:
            self._heard = asyncio.get_running_loop().time()
        self._outstanding = wanted
        self._post(self._source.subject, self._source.ask(count), self._inbox)

    async def stop(self) -> None:
        self._stopped = True
        if self._watchdog is not None:
            self._watchdog.cancel()
        await self._close()

    async def _open(self) -> None:
        self._outstanding = 0
        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(
            self._inbox, cb=self._receive, pending_msgs_limit=0, pending_bytes_limit=0
        )
        self.poke()

    async def _close(self) -> None:
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()
        self._subscription = None

    async def _receive(self, message: Msg) -> None:
        if message.reply.startswith("$JS.ACK."):
            self._deliver(NatsDelivery(message, self._post, self._signs, self._source.ack_wait_s))
            return
        fields = message.headers or _EMPTY
        self._heard = asyncio.get_running_loop().time()
        if fields.get(_STATUS) != _HEARTBEAT:
            gone = int(fields.get(_PENDING_MESSAGES) or self._outstanding)
            self._outstanding = max(0, self._outstanding - gone)
            self.poke()

    def _deliver(self, delivery: NatsDelivery) -> None:
        if self._stopped:
            delivery.nak()
            return
        self._outstanding = max(0, self._outstanding - 1)
        self._heard = asyncio.get_running_loop().time()
        self._handler(delivery)
        self.poke()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            silent = asyncio.get_running_loop().time() - self._heard
            if self._outstanding and silent > 2 * _HEARTBEAT_S and self._client.is_connected:
                await self.restart()
