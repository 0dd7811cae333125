"""The bus in memory, for tests: the same behaviour as the real one within one event loop, seen by the same suite."""

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tokenlane_chassis.bus import (
    ConsumerCounts,
    DeliveryHandler,
    Message,
    MessageHandler,
    Puller,
    Subscription,
    ValueHandler,
)
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError
from tokenlane_proto.headers import MSG_ID
from tokenlane_proto.topology import STREAMS, ConsumerSpec, StreamSpec


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject matches a NATS pattern with `*` and `>`."""
    parts = ("[^.]+" if part == "*" else ".+" if part == ">" else re.escape(part) for part in pattern.split("."))
    return re.fullmatch(r"\.".join(parts), subject) is not None


@dataclass(eq=False)
class _Stored:
    seq: int
    message: Message
    attempts: int = 0
    claimed: bool = False


@dataclass(eq=False)
class FakeDelivery:
    """See `tokenlane_chassis.bus.Delivery`. Records how it was settled."""

    bus: "FakeBus"
    stored: _Stored
    attempt: int
    settled: str = ""
    signs_of_life: int = 0

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
        self.settled = "ack"
        self.bus.remove(self.stored)

    def nak(self, delay_s: float = 0) -> None:
        self.settled = "nak"
        asyncio.get_running_loop().call_later(delay_s, self.bus.release, self.stored)

    def in_progress(self) -> None:
        self.signs_of_life += 1


@dataclass(eq=False)
class _FakeSubscription:
    members: list["_FakeSubscription"]
    pattern: str
    handler: Callable[..., None]
    queue: str = ""

    async def unsubscribe(self) -> None:
        if self in self.members:
            self.members.remove(self)


@dataclass(eq=False)
class _FakePuller:
    bus: "FakeBus"
    consumer: ConsumerSpec
    handler: DeliveryHandler
    target: Callable[[], int]
    stopped: bool = False

    def poke(self) -> None:
        self.bus.deliver_soon()

    async def stop(self) -> None:
        self.stopped = True


@dataclass(eq=False)
class FakeBus:
    """See `tokenlane_chassis.bus.Bus`. `available = False` makes durable publishing fail; `posted` and `stored` show
    what was published."""

    max_payload: int = 8 * 1024 * 1024
    connected: bool = True
    available: bool = True
    posted: list[Message] = field(default_factory=list)
    stored: dict[str, list[_Stored]] = field(default_factory=dict)
    deliveries: list[FakeDelivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sequence: Iterator[int] = itertools.count(1)
        self._ids: dict[tuple[str, str], int] = {}
        self._subscriptions: list[_FakeSubscription] = []
        self._watchers: list[_FakeSubscription] = []
        self._values: dict[tuple[str, str], bytes] = {}
        self._pullers: list[_FakePuller] = []

    def post(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        message = Message(subject, payload, dict(headers or {}))
        self._check_size(message)
        self.posted.append(message)
        asyncio.get_running_loop().call_soon(self._dispatch, message)

    async def publish_durable(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> int:
        await asyncio.sleep(0)
        stream = next((spec for spec in STREAMS if any(matches(pattern, subject) for pattern in spec.subjects)), None)
        if not self.available or stream is None:
            raise BusUnavailableError(f"no stream takes {subject}")
        message = Message(subject, payload, dict(headers or {}))
        self._check_size(message)
        key = (stream.name, message.headers.get(MSG_ID, ""))
        if key[1] and key in self._ids:
            return self._ids[key]
        self._ids[key] = seq = next(self._sequence)
        self._store(stream, _Stored(seq, message))
        self._dispatch(message)
        self.deliver_soon()
        return seq

    async def subscribe(self, subject: str, handler: MessageHandler, queue: str = "") -> Subscription:
        subscription = _FakeSubscription(self._subscriptions, subject, handler, queue)
        self._subscriptions.append(subscription)
        return subscription

    async def pull(self, consumer: ConsumerSpec, handler: DeliveryHandler, target: Callable[[], int]) -> Puller:
        puller = _FakePuller(self, consumer, handler, target)
        self._pullers.append(puller)
        self.deliver_soon()
        return puller

    async def ensure_consumer(self, consumer: ConsumerSpec) -> None:
        """Consumers need no creation here."""

    async def put(self, bucket: str, key: str, value: bytes) -> None:
        self._values[bucket, key] = value
        for watcher in list(self._watchers):
            if watcher.pattern == bucket:
                watcher.handler(key, value)

    async def get(self, bucket: str, key: str) -> bytes | None:
        return self._values.get((bucket, key))

    async def delete(self, bucket: str, key: str) -> None:
        self._values.pop((bucket, key), None)
        for watcher in list(self._watchers):
            if watcher.pattern == bucket:
                watcher.handler(key, None)

    async def watch(self, bucket: str, handler: ValueHandler) -> Subscription:
        for (name, key), value in self._values.items():
            if name == bucket:
                handler(key, value)
        watcher = _FakeSubscription(self._watchers, bucket, handler)
        self._watchers.append(watcher)
        return watcher

    async def last(self, stream: str, subject: str) -> Message | None:
        found = [stored.message for stored in self.stored.get(stream, ()) if stored.message.subject == subject]
        return found[-1] if found else None

    async def subject_counts(self, stream: str, subject_filter: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for stored in self.stored.get(stream, ()):
            if matches(subject_filter, stored.message.subject):
                counts[stored.message.subject] = counts.get(stored.message.subject, 0) + 1
        return counts

    async def consumer_counts(self, consumer: ConsumerSpec) -> ConsumerCounts:
        waiting = [s.claimed for s in self.stored.get(consumer.stream, ()) if self._selects(consumer, s)]
        return ConsumerCounts(waiting.count(False), waiting.count(True))

    async def flush(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        self.connected = False

    def remove(self, stored: _Stored) -> None:
        """Acknowledged: gone from its stream."""
        for messages in self.stored.values():
            if stored in messages:
                messages.remove(stored)

    def release(self, stored: _Stored) -> None:
        """Given back: deliver it again."""
        stored.claimed = False
        self.deliver_soon()

    def deliver_soon(self) -> None:
        """Hand waiting messages to pullers that have room, on the next turn of the loop."""
        asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        for puller in self._pullers:
            for stored in list(self.stored.get(puller.consumer.stream, ())):
                if stored.claimed or not self._selects(puller.consumer, stored):
                    continue
                if puller.stopped or puller.target() <= 0:
                    break
                stored.claimed = True
                stored.attempts += 1
                delivery = FakeDelivery(self, stored, stored.attempts)
                self.deliveries.append(delivery)
                puller.handler(delivery)

    @staticmethod
    def _selects(consumer: ConsumerSpec, stored: _Stored) -> bool:
        return matches(consumer.filter_subject, stored.message.subject)

    def _store(self, stream: StreamSpec, stored: _Stored) -> None:
        messages = self.stored.setdefault(stream.name, [])
        if stream.latest_only:
            messages[:] = [old for old in messages if old.message.subject != stored.message.subject]
        messages.append(stored)

    def _dispatch(self, message: Message) -> None:
        served: set[tuple[str, str]] = set()
        for subscription in list(self._subscriptions):
            group = (subscription.pattern, subscription.queue)
            if matches(subscription.pattern, message.subject) and not (subscription.queue and group in served):
                served.add(group)
                subscription.handler(message)

    def _check_size(self, message: Message) -> None:
        size = len(message.data) + sum(len(name) + len(value) for name, value in message.headers.items())
        if size > self.max_payload:
            raise MessageTooLargeError(f"{size} bytes exceed the bus's max_payload of {self.max_payload}")
