"""The bus in memory, for tests: the same behaviour as the real one within one event loop, seen by the same suite."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field

from tokenlane_chassis.bus import (
    ConsumerCounts,
    DeliveryHandler,
    Message,
    MessageHandler,
    Puller,
    Stored,
    Subscription,
    ValueHandler,
)
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError
from tokenlane_chassis.fake_parts import FakeBuckets, FakeDelivery, FakePuller, FakeSubscription
from tokenlane_chassis.fake_store import FakeStreams, StoredMessage, matches
from tokenlane_proto.topology import ConsumerSpec


@dataclass(eq=False)
class FakeBus:
    """See `tokenlane_chassis.bus.Bus`. `available = False` makes what needs the broker's answer fail; `posted`, `asked`
    and `stored` show what was published."""

    max_payload: int = 8 * 1024 * 1024
    connected: bool = True
    available: bool = True
    posted: list[Message] = field(default_factory=list)
    asked: list[Message] = field(default_factory=list)
    deliveries: list[FakeDelivery] = field(default_factory=list)
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._streams = FakeStreams()
        self._inboxes = itertools.count(1)
        self._subscriptions: list[FakeSubscription] = []
        self._buckets = FakeBuckets()
        self._pullers: list[FakePuller] = []
        self._on_reconnected: list[Callable[[], None]] = []

    @property
    def stored(self) -> dict[str, list[StoredMessage]]:
        """Messages by stream."""
        return self._streams.stored

    def post(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        message = Message(subject, payload, dict(headers or {}))
        self._check_size(message)
        self.posted.append(message)
        if self.connected:
            self._streams.capture(message)
            asyncio.get_running_loop().call_soon(self._dispatch, message)

    async def publish_durable(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> Stored:
        stored = await self._publish(subject, payload, headers, once=False)
        assert stored is not None
        return stored

    async def publish_once(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> bool:
        return await self._publish(subject, payload, headers, once=True) is not None

    async def ask(self, subject: str, payload: bytes, timeout_s: float, most: int = 1) -> list[Message]:
        answers: list[Message] = []
        enough = asyncio.Event()

        def answered(message: Message) -> None:
            answers.append(message)
            if len(answers) == most:
                enough.set()

        question = Message(subject, payload, {}, f"_INBOX.fake.{next(self._inboxes)}")
        self._check_size(question)
        self.asked.append(question)
        subscription = await self.subscribe(question.reply, answered)
        if self.connected:
            asyncio.get_running_loop().call_soon(self._put_question, question, enough)
        try:
            async with asyncio.timeout(timeout_s):
                await enough.wait()
        except TimeoutError:
            pass
        finally:
            await subscription.unsubscribe()
        return answers[:most]

    async def subscribe(self, subject: str, handler: MessageHandler, queue: str = "") -> Subscription:
        subscription = FakeSubscription(self._subscriptions, subject, handler, queue)
        self._subscriptions.append(subscription)
        return subscription

    async def pull(
        self, consumer: ConsumerSpec, handler: DeliveryHandler, target: Callable[[], int], rank: int = 0
    ) -> Puller:
        puller = FakePuller(self, consumer, handler, target, rank)
        self._pullers.append(puller)
        self._pullers.sort(key=lambda each: each.rank)
        self.deliver_soon()
        return puller

    async def ensure_consumer(self, consumer: ConsumerSpec) -> None:
        """Consumers need no creation here."""

    async def put(self, bucket: str, key: str, value: bytes) -> None:
        self._check_size(Message("", value, {}))
        self._buckets.put(bucket, key, value)

    async def create(self, bucket: str, key: str, value: bytes) -> bytes | None:
        await self._reach()
        found = self._buckets.get(bucket, key)
        if found is None:
            self._buckets.put(bucket, key, value)
        return found

    async def get(self, bucket: str, key: str) -> bytes | None:
        return self._buckets.get(bucket, key)

    async def entry(self, bucket: str, key: str) -> tuple[int, bytes | None]:
        await self._reach()
        return self._buckets.entry(bucket, key)

    async def update(self, bucket: str, key: str, value: bytes, revision: int) -> bool:
        self._check_size(Message("", value, {}))
        await self._reach()
        if self._buckets.entry(bucket, key)[0] != revision:
            return False
        self._buckets.put(bucket, key, value)
        return True

    async def delete(self, bucket: str, key: str) -> None:
        self._buckets.delete(bucket, key)

    async def watch(self, bucket: str, handler: ValueHandler) -> Subscription:
        return self._buckets.watch(bucket, handler)

    async def last(self, stream: str, subject: str) -> Message | None:
        found = await self.messages(stream, subject)
        return found[-1] if found else None

    async def stored_at(self, stream: str, seq: int) -> Message | None:
        await self._reach()
        entries = self.stored.get(stream, ())
        return next((entry.message._replace(seq=seq) for entry in entries if entry.seq == seq), None)

    async def messages(self, stream: str, subject: str) -> list[Message]:
        await self._reach()
        return [entry.message._replace(seq=entry.seq) for entry in self._streams.of(stream, subject)]

    async def read(self, stream: str, subject: str, since_unix_ms: int = 0) -> AsyncGenerator[Message, None]:
        await self._reach()
        for entry in self._streams.of(stream, subject):
            if entry.stored_unix_ms >= since_unix_ms:
                yield entry.message._replace(seq=entry.seq)

    async def purge(self, stream: str, subject: str) -> None:
        await self._reach()
        for entry in self._streams.of(stream, subject):
            self._streams.remove(entry)

    async def delete_message(self, stream: str, seq: int) -> bool:
        await self._reach()
        found = next((entry for entry in self.stored.get(stream, ()) if entry.seq == seq), None)
        return found is not None and self._streams.remove(found)

    async def count_before(self, stream: str, subject_filter: str, seq: int) -> int:
        await self._reach()
        return sum(entry.seq < seq for entry in self._streams.of(stream, subject_filter))

    async def put_object(self, store: str, name: str, data: bytes) -> None:
        await self._reach()
        self.objects[store, name] = data

    async def get_object(self, store: str, name: str) -> bytes | None:
        await self._reach()
        return self.objects.get((store, name))

    async def delete_object(self, store: str, name: str) -> None:
        await self._reach()
        self.objects.pop((store, name), None)

    async def subject_counts(self, stream: str, subject_filter: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for entry in self._streams.of(stream, subject_filter):
            counts[entry.message.subject] = counts.get(entry.message.subject, 0) + 1
        return counts

    async def consumer_counts(self, consumer: ConsumerSpec) -> ConsumerCounts:
        claimed = [entry.claimed for entry in self._streams.of(consumer.stream, consumer.filter_subject)]
        return ConsumerCounts(claimed.count(False), claimed.count(True))

    def on_reconnected(self, handler: Callable[[], None]) -> None:
        self._on_reconnected.append(handler)

    async def flush(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        self.connected = False

    def drop_connection(self) -> None:
        """From now on posts and questions are lost, and what needs the broker's answer raises BusUnavailableError."""
        self.connected = False

    def reconnect(self) -> None:
        """The connection is there, perhaps again: tell who asked for it."""
        self.connected = True
        for handler in self._on_reconnected:
            handler()
        self.deliver_soon()

    def forget_message_ids(self) -> None:
        """The duplicate window is over."""
        self._streams.ids.clear()

    def remove(self, stored: StoredMessage) -> None:
        """See `fake_parts.Owner`."""
        self._streams.remove(stored)

    def release(self, stored: StoredMessage) -> None:
        """See `fake_parts.Owner`. Called by tests too: the claim ran out, the message is delivered again."""
        stored.claimed = False
        self.deliver_soon()

    def deliver_soon(self) -> None:
        """See `fake_parts.Owner`."""
        asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        for puller in self._pullers:
            for stored in filter(puller.selects, list(self.stored.get(puller.consumer.stream, ()))):
                if not self.connected or puller.stopped or puller.target() <= 0:
                    break
                stored.claimed = True
                stored.attempts += 1
                delivery = FakeDelivery(self, stored, stored.attempts)
                self.deliveries.append(delivery)
                puller.handler(delivery)

    async def _publish(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None, once: bool
    ) -> Stored | None:
        message = Message(subject, payload, dict(headers or {}))
        self._check_size(message)
        await self._reach()
        stored = self._streams.publish(message, once)
        if stored is not None and not stored.duplicate:
            self._dispatch(message)
            self.deliver_soon()
        return stored

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if not (self.available and self.connected):
            raise BusUnavailableError("no acknowledgement")

    def _put_question(self, question: Message, settled: asyncio.Event) -> None:
        if not self._dispatch(question):
            settled.set()

    def _dispatch(self, message: Message) -> bool:
        served: set[tuple[str, str]] = set()
        for subscription in list(self._subscriptions):
            group = (subscription.pattern, subscription.queue)
            if matches(subscription.pattern, message.subject) and not (subscription.queue and group in served):
                served.add(group)
                subscription.handler(message)
        return bool(served)

    def _check_size(self, message: Message) -> None:
        size = len(message.data) + sum(len(name) + len(value) for name, value in message.headers.items())
        if size > self.max_payload:
            raise MessageTooLargeError(f"{size} bytes exceed the bus's max_payload of {self.max_payload}")
