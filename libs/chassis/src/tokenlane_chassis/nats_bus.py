"""The bus over a real NATS server."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError, NotFoundError

from tokenlane_chassis import topology
from tokenlane_chassis.bus import (
    ConsumerCounts,
    DeliveryHandler,
    Message,
    MessageHandler,
    Puller,
    Subscription,
    ValueHandler,
)
from tokenlane_chassis.durable import DurablePublisher
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError
from tokenlane_chassis.kv_watch import KeyValueWatch
from tokenlane_chassis.pull import NatsPuller
from tokenlane_proto.topology import ConsumerSpec

_EMPTY: Mapping[str, str] = {}
_API_TIMEOUT_S = 5
_FLUSH_S = 2
# Subject, reply subject, lengths and the header's first line.
_COMMAND_OVERHEAD = 512


class NatsBus:
    """See `tokenlane_chassis.bus.Bus`. Made by `connection.connect`."""

    def __init__(self, client: Client, log: structlog.stdlib.BoundLogger) -> None:
        self._client = client
        self._log = log
        self._jetstream: JetStreamContext = client.jetstream(timeout=_API_TIMEOUT_S)
        self._durable = DurablePublisher(client)
        self._outbox: deque[tuple[str, bytes, str, Mapping[str, str] | None]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sender = asyncio.create_task(self._send(), name="bus-outbox")
        self._pullers: list[NatsPuller] = []
        self._watches: list[KeyValueWatch] = []
        self.closing = False

    async def start(self) -> None:
        """Listen for acknowledgements."""
        await self._durable.start()

    @property
    def max_payload(self) -> int:
        return self._client.max_payload

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    def post(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        self._check_size(payload, headers)
        self._enqueue(subject, payload, "", headers)

    async def publish_durable(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> int:
        self._check_size(payload, headers)
        try:
            return await self._durable.publish(subject, payload, headers)
        except NatsError as error:
            raise BusUnavailableError(str(error)) from None

    async def subscribe(self, subject: str, handler: MessageHandler, queue: str = "") -> Subscription:
        async def receive(message: Msg) -> None:
            handler(Message(message.subject, message.data, message.headers or _EMPTY))

        return await self._client.subscribe(
            subject, queue=queue, cb=receive, pending_msgs_limit=0, pending_bytes_limit=0
        )

    async def pull(self, consumer: ConsumerSpec, handler: DeliveryHandler, target: Callable[[], int]) -> Puller:
        await self.ensure_consumer(consumer)
        puller = NatsPuller(self._client, consumer, handler, target, self._post_with_reply)
        self._pullers.append(puller)
        await puller.start()
        return puller

    async def ensure_consumer(self, consumer: ConsumerSpec) -> None:
        await topology.ensure_consumer(self._jetstream, consumer, self._log)

    async def put(self, bucket: str, key: str, value: bytes) -> None:
        try:
            await (await self._jetstream.key_value(bucket)).put(key, value)
        except NatsError as error:
            raise BusUnavailableError(f"cannot set {key} in {bucket}: {error}") from None

    async def get(self, bucket: str, key: str) -> bytes | None:
        try:
            return (await (await self._jetstream.key_value(bucket)).get(key)).value
        except KeyNotFoundError:
            return None
        except NatsError as error:
            raise BusUnavailableError(f"cannot read {key} in {bucket}: {error}") from None

    async def delete(self, bucket: str, key: str) -> None:
        try:
            await (await self._jetstream.key_value(bucket)).delete(key)
        except NatsError as error:
            raise BusUnavailableError(f"cannot delete {key} in {bucket}: {error}") from None

    async def watch(self, bucket: str, handler: ValueHandler) -> Subscription:
        watch = KeyValueWatch(self._jetstream, bucket, handler, self._log)
        self._watches.append(watch)
        await watch.start()
        return watch

    async def last(self, stream: str, subject: str) -> Message | None:
        try:
            stored = await self._jetstream.get_last_msg(stream, subject, direct=True)
        except NotFoundError:
            return None
        except NatsError as error:
            raise BusUnavailableError(f"cannot read {subject}: {error}") from None
        return Message(stored.subject or subject, stored.data or b"", stored.headers or _EMPTY)

    async def subject_counts(self, stream: str, subject_filter: str) -> dict[str, int]:
        try:
            return (await self._jetstream.stream_info(stream, subjects_filter=subject_filter)).state.subjects or {}
        except NatsError as error:
            raise BusUnavailableError(f"cannot count {subject_filter}: {error}") from None

    async def consumer_counts(self, consumer: ConsumerSpec) -> ConsumerCounts:
        try:
            info = await self._jetstream.consumer_info(consumer.stream, consumer.name)
        except NotFoundError:
            return ConsumerCounts(0, 0)
        except NatsError as error:
            raise BusUnavailableError(f"cannot read consumer {consumer.name}: {error}") from None
        return ConsumerCounts(info.num_pending or 0, info.num_ack_pending or 0)

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
        await self._client.close()

    async def reconnected(self) -> None:
        """The server forgot every parked pull and every watcher, and perhaps what was on its way to it."""
        await self._durable.resend()
        for puller in self._pullers:
            await puller.restart()
        for watch in self._watches:
            await watch.restart()

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
