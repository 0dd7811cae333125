"""The bus over a real NATS server."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from tokenlane_chassis import topology
from tokenlane_chassis.asking import Asker
from tokenlane_chassis.batches import read_batches
from tokenlane_chassis.buckets import Buckets
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
from tokenlane_chassis.durable import DurablePublisher
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError, StartError
from tokenlane_chassis.kv_watch import KeyValueWatch
from tokenlane_chassis.lease import SignsOfLife
from tokenlane_chassis.objects import Objects
from tokenlane_chassis.patience import patiently
from tokenlane_chassis.pull import NatsPuller, Source
from tokenlane_chassis.streams import Streams
from tokenlane_proto.topology import ConsumerSpec

_EMPTY: Mapping[str, str] = {}
_API_TIMEOUT_S = 5
# For a cluster that elects.
_CONSUMER_TIMEOUT_S = 60
_FLUSH_S = 2
# Subject, reply subject, lengths and the header's first line.
_COMMAND_OVERHEAD = 512


class NatsBus:
    """See `tokenlane_chassis.bus.Bus`. Made by `connection.connect`. `by_subject`: see `Streams`."""

    def __init__(self, client: Client, log: structlog.stdlib.BoundLogger, by_subject: bool = False) -> None:
        self._client = client
        self._log = log
        self._jetstream: JetStreamContext = client.jetstream(timeout=_API_TIMEOUT_S)
        self._durable = DurablePublisher(client)
        self._streams = Streams(client, self._jetstream, by_subject)
        self._buckets = Buckets(self._durable, self._streams)
        self._objects = Objects(self._durable, self._streams, client.max_payload)
        self._asker = Asker(client, self._post_with_reply)
        self._signs = SignsOfLife(client)
        self._outbox: deque[tuple[str, bytes, str, Mapping[str, str] | None]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sender = asyncio.create_task(self._send(), name="bus-outbox")
        self._pullers: list[NatsPuller] = []
        self._watches: list[KeyValueWatch] = []
        self._on_reconnected: list[Callable[[], None]] = []
        self.closing = False

    async def start(self) -> None:
        """Listen for acknowledgements and answers."""
        await self._durable.start()
        await self._asker.start()
        await self._signs.start()

    @property
    def max_payload(self) -> int:
        return self._client.max_payload

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    def post(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        self._check_size(payload, headers)
        self._enqueue(subject, payload, "", headers)

    async def publish_durable(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> Stored:
        self._check_size(payload, headers)
        try:
            return await self._durable.publish(subject, payload, headers)
        except NatsError as error:
            raise BusUnavailableError(str(error)) from None

    async def publish_once(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> bool:
        self._check_size(payload, headers)
        try:
            return await self._durable.publish_once(subject, payload, headers)
        except NatsError as error:
            raise BusUnavailableError(str(error)) from None

    async def ask(self, subject: str, payload: bytes, timeout_s: float, most: int = 1) -> list[Message]:
        self._check_size(payload, None)
        return await self._asker.ask(subject, payload, timeout_s, most)

    async def subscribe(self, subject: str, handler: MessageHandler, queue: str = "") -> Subscription:
        async def receive(message: Msg) -> None:
            handler(Message(message.subject, message.data, message.headers or _EMPTY, message.reply))

        return await self._client.subscribe(
            subject, queue=queue, cb=receive, pending_msgs_limit=0, pending_bytes_limit=0
        )

    async def pull(
        self, consumer: ConsumerSpec, handler: DeliveryHandler, target: Callable[[], int], rank: int = 0
    ) -> Puller:
        ack_wait_s = min(await self._ensured(consumer), consumer.ack_wait_s)
        source = Source(consumer, rank, ack_wait_s)
        puller = NatsPuller(self._client, source, handler, target, self._post_with_reply, self._signs)
        self._pullers.append(puller)
        await puller.start()
        return puller

    async def ensure_consumer(self, consumer: ConsumerSpec) -> None:
        await self._ensured(consumer)

    async def put(self, bucket: str, key: str, value: bytes) -> None:
        self._check_size(value, None)
        try:
            await self._buckets.put(bucket, key, value)
        except NatsError as error:
            raise BusUnavailableError(str(error)) from None

    async def create(self, bucket: str, key: str, value: bytes) -> bytes | None:
        return await self._buckets.create(bucket, key, value)

    async def get(self, bucket: str, key: str) -> bytes | None:
        return await self._buckets.get(bucket, key)

    async def entry(self, bucket: str, key: str) -> tuple[int, bytes | None]:
        return await self._buckets.entry(bucket, key)

    async def update(self, bucket: str, key: str, value: bytes, revision: int) -> bool:
        self._check_size(value, None)
        try:
            return await self._buckets.update(bucket, key, value, revision)
        except NatsError as error:
            raise BusUnavailableError(str(error)) from None

    async def delete(self, bucket: str, key: str) -> None:
        await self._buckets.delete(bucket, key)

    async def watch(self, bucket: str, handler: ValueHandler) -> Subscription:
        watch = KeyValueWatch(self._jetstream, bucket, handler, self._log)
        self._watches.append(watch)
        await watch.start()
        return watch

    async def last(self, stream: str, subject: str) -> Message | None:
        return await self._streams.last(stream, subject)

    async def stored_at(self, stream: str, seq: int) -> Message | None:
        return await self._streams.stored_at(stream, seq)

    async def messages(self, stream: str, subject: str) -> list[Message]:
        return await self._streams.messages(stream, subject)

    def read(self, stream: str, subject: str, since_unix_ms: int = 0) -> AsyncGenerator[Message, None]:
        return read_batches(self._client, stream, subject, since_unix_ms)

    async def purge(self, stream: str, subject: str) -> None:
        await self._streams.purge(stream, subject)

    async def delete_message(self, stream: str, seq: int) -> bool:
        return await self._streams.delete_message(stream, seq)

    async def count_before(self, stream: str, subject_filter: str, seq: int) -> int:
        return await self._streams.count_before(stream, subject_filter, seq)

    async def put_object(self, store: str, name: str, data: bytes) -> None:
        await self._objects.put(store, name, data)

    async def get_object(self, store: str, name: str) -> bytes | None:
        return await self._objects.get(store, name)

    async def delete_object(self, store: str, name: str) -> None:
        await self._objects.delete(store, name)

    async def subject_counts(self, stream: str, subject_filter: str) -> dict[str, int]:
        return await self._streams.subject_counts(stream, subject_filter)

    async def consumer_counts(self, consumer: ConsumerSpec) -> ConsumerCounts:
        return await self._streams.consumer_counts(consumer)

    def on_reconnected(self, handler: Callable[[], None]) -> None:
        self._on_reconnected.append(handler)

    async def flush(self) -> None:
        await self._idle.wait()
        await self._client.flush()

    async def close(self) -> None:
        self.closing = True
        for puller in self._pullers:
            await puller.stop()
        for watch in self._watches:
            await watch.unsubscribe()
        if not self._client.is_closed:
            # A broker that is away gets no more than a moment.
            with contextlib.suppress(NatsError, TimeoutError):
                async with asyncio.timeout(_FLUSH_S):
                    await self.flush()
        self._sender.cancel()
        self._durable.stop()
        # It writes what is pending, to a connection that is gone too.
        with contextlib.suppress(RuntimeError):
            await self._client.close()

    async def reconnected(self) -> None:
        """The server forgot every parked pull and every watcher, and perhaps what was on its way to it."""
        await self._durable.resend()
        for handler in self._on_reconnected:
            handler()
        for puller in self._pullers:
            await puller.restart()
        for watch in self._watches:
            await watch.restart()

    async def _ensured(self, consumer: ConsumerSpec) -> float:
        try:
            return await patiently(
                lambda: topology.ensure_consumer(self._jetstream, consumer, self._log), _CONSUMER_TIMEOUT_S
            )
        except NatsError as error:
            raise StartError(f"the bus refuses consumer {consumer.name}: {error}") from None

    def _post_with_reply(self, subject: str, payload: bytes, reply: str) -> None:
        self._enqueue(subject, payload, reply, None)

    def _enqueue(self, subject: str, payload: bytes, reply: str, headers: Mapping[str, str] | None) -> None:
        self._outbox.append((subject, payload, reply, headers))
        self._idle.clear()
        self._wake.set()

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                subject, payload, reply, headers = self._outbox.popleft()
                try:
                    await self._client.publish(subject, payload, reply, dict(headers) if headers else None)
                except NatsError as error:
                    self._log.warning("message dropped", subject=subject, size=len(payload), error=str(error))
            self._idle.set()

    def _check_size(self, payload: bytes, headers: Mapping[str, str] | None) -> None:
        # nats-py checks the payload alone; the server drops the connection when payload and headers exceed the limit.
        size = len(payload) + _COMMAND_OVERHEAD
        if headers:
            size += sum(len(name) + 4 * len(value) + 4 for name, value in headers.items())
        if size > self._client.max_payload:
            raise MessageTooLargeError(f"{size} bytes exceed the bus's max_payload of {self._client.max_payload}")
