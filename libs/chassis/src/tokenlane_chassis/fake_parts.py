"""What the bus in memory hands out: deliveries, subscriptions, pullers, watched keys."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tokenlane_chassis.bus import DeliveryHandler, Subscription, ValueHandler
from tokenlane_chassis.fake_store import StoredMessage, matches
from tokenlane_proto.topology import ConsumerSpec


class Owner(Protocol):
    """The bus, as its parts see it."""

    def remove(self, stored: StoredMessage) -> None:
        """Acknowledged: gone from its stream."""

    def release(self, stored: StoredMessage) -> None:
        """Given back: deliver it again."""

    def deliver_soon(self) -> None:
        """Hand waiting messages to pullers that have room, on the next turn of the loop."""


@dataclass(eq=False)
class FakeDelivery:
    """See `tokenlane_chassis.bus.Delivery`. Records how it was settled; `lost` is for the test to set."""

    bus: Owner
    stored: StoredMessage
    attempt: int
    settled: str = ""
    signs_of_life: int = 0
    lost: bool = False

    @property
    def subject(self) -> str:
        return self.stored.message.subject

    @property
    def data(self) -> bytes:
        return self.stored.message.data

    @property
    def headers(self) -> Mapping[str, str]:
        return self.stored.message.headers

    @property
    def stream_seq(self) -> int:
        return self.stored.seq

    def ack(self) -> None:
        if not self.lost:
            self.settled = "ack"
            self.bus.remove(self.stored)

    def nak(self, delay_s: float = 0) -> None:
        if not self.lost:
            self.settled = "nak"
            asyncio.get_running_loop().call_later(delay_s, self.bus.release, self.stored)

    def in_progress(self) -> None:
        self.signs_of_life += 1


@dataclass(eq=False)
class FakeSubscription:
    """One entry of a list of listeners."""

    members: list["FakeSubscription"]
    pattern: str
    handler: Callable[..., None]
    queue: str = ""

    async def unsubscribe(self) -> None:
        if self in self.members:
            self.members.remove(self)


@dataclass(eq=False)
class FakePuller:
    """See `tokenlane_chassis.bus.Puller`."""

    bus: Owner
    consumer: ConsumerSpec
    handler: DeliveryHandler
    target: Callable[[], int]
    rank: int = 0
    stopped: bool = False

    def poke(self) -> None:
        self.bus.deliver_soon()

    async def stop(self) -> None:
        self.stopped = True

    def selects(self, stored: StoredMessage) -> bool:
        """Whether the message waits for this puller's consumer."""
        return not stored.claimed and matches(self.consumer.filter_subject, stored.message.subject)


class FakeBuckets:
    """Keys and who watches them."""

    def __init__(self) -> None:
        # With revisions; a deleted key keeps one, as a mark in the stream has a sequence.
        self._values: dict[tuple[str, str], tuple[int, bytes | None]] = {}
        self._revisions = itertools.count(1)
        self._watchers: list[FakeSubscription] = []

    def put(self, bucket: str, key: str, value: bytes | None) -> None:
        """Set a key."""
        self._values[bucket, key] = (next(self._revisions), value)
        self._tell(bucket, key, value)

    def get(self, bucket: str, key: str) -> bytes | None:
        """A key's value, or None."""
        return self.entry(bucket, key)[1]

    def entry(self, bucket: str, key: str) -> tuple[int, bytes | None]:
        """A key's revision and value."""
        return self._values.get((bucket, key), (0, None))

    def delete(self, bucket: str, key: str) -> None:
        """Remove a key, if it is there."""
        self.put(bucket, key, None)

    def watch(self, bucket: str, handler: ValueHandler) -> Subscription:
        """Tell what is there, then what changes."""
        for (name, key), (_, value) in list(self._values.items()):
            if name == bucket and value is not None:
                handler(key, value)
        watcher = FakeSubscription(self._watchers, bucket, handler)
        self._watchers.append(watcher)
        return watcher

    def _tell(self, bucket: str, key: str, value: bytes | None) -> None:
        for watcher in list(self._watchers):
            if watcher.pattern == bucket:
                watcher.handler(key, value)
