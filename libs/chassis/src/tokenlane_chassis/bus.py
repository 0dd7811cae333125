"""What a room may ask of the bus. `nats_bus` is the real one, `fake_bus` keeps it in memory; one suite tests both."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import NamedTuple, Protocol

from tokenlane_proto.topology import ConsumerSpec


class Message(NamedTuple):
    """A message as it arrived. `reply`: where its sender waits for an answer, if it does (`Bus.ask`). `seq`: its
    sequence in the stream that it was read from."""

    subject: str
    data: bytes
    headers: Mapping[str, str]
    reply: str = ""
    seq: int = 0


class Stored(NamedTuple):
    """The stream's acknowledgement. `duplicate`: it knew the message id; `seq` is then the first message's. That may be
    this one's own first copy, if the broker was away meanwhile."""

    seq: int
    duplicate: bool = False


class Delivery(Protocol):
    """A message pulled from a stream, to be settled exactly once. Settling is fire and forget."""

    @property
    def subject(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def attempt(self) -> int:
        """1 for the first delivery."""
        ...

    @property
    def stream_seq(self) -> int: ...
    @property
    def lost(self) -> bool:
        """The claim ran out: for longer than the consumer's `ack_wait_s` the broker confirmed no sign of life, so the
        message may have been delivered to another. Once lost, always lost, and settling does nothing any more."""
        ...

    def ack(self) -> None:
        """Done: never deliver it again."""

    def nak(self, delay_s: float = 0) -> None:
        """Deliver it again, after `delay_s` seconds."""

    def in_progress(self) -> None:
        """Still at it: the wait for the acknowledgement begins anew."""


class ConsumerCounts(NamedTuple):
    """Messages of a consumer: not delivered yet, and delivered but not acknowledged."""

    pending: int
    in_progress: int


class Subscription(Protocol):
    """Something that can be ended."""

    async def unsubscribe(self) -> None: ...


class Puller(Protocol):
    """A long-lived pull."""

    def poke(self) -> None:
        """The target may have changed: ask for more where there is room."""

    async def stop(self) -> None:
        """Ask for nothing more. Deliveries that were on their way when this was called are given back."""


MessageHandler = Callable[[Message], None]
DeliveryHandler = Callable[[Delivery], None]
ValueHandler = Callable[[str, bytes | None], None]


class Bus(Protocol):
    """The bus. Handlers are called on the event loop, one after the other, and must not block."""

    @property
    def max_payload(self) -> int:
        """Largest message, headers included. Unit: bytes."""
        ...

    @property
    def connected(self) -> bool: ...
    def post(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Publish on core NATS: at most once, in the order of the calls. Raises MessageTooLargeError."""

    async def publish_durable(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> Stored:
        """Publish to the stream of `subject`. With a message id it is sent again until it is acknowledged, for ten
        seconds.

        Raises BusUnavailableError, MessageTooLargeError, StreamFullError."""
        ...

    async def publish_once(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> bool:
        """Publish to the stream of `subject` unless it holds a message of that very subject: then False. Sent again
        until it is acknowledged, under a message id of its own, so that its own copies are not taken for another's.
        Raises as `publish_durable`; whether it is stored is unknown then."""
        ...

    async def ask(self, subject: str, payload: bytes, timeout_s: float, most: int = 1) -> list[Message]:
        """Ask on core NATS, and return when `most` have answered, when nobody listens, or after `timeout_s`. An answer
        is posted to `Message.reply`. Never raises for want of an answer, not even while the bus is away."""
        ...

    async def subscribe(self, subject: str, handler: MessageHandler, queue: str = "") -> Subscription:
        """Core NATS. With `queue`, each message goes to one member of that group."""
        ...

    async def pull(
        self, consumer: ConsumerSpec, handler: DeliveryHandler, target: Callable[[], int], rank: int = 0
    ) -> Puller:
        """Pull for as long as the puller lives. `target` says how many messages may be on their way right now; it is
        asked again after each delivery, each expiry, each reconnect and each `poke`. Of a ranked consumer, whoever has
        the lowest `rank` (0 to 9) of those that wait is served first."""
        ...

    async def ensure_consumer(self, consumer: ConsumerSpec) -> None:
        """Create the durable consumer unless it is there. Raises StartError if it is there with another filter."""

    async def put(self, bucket: str, key: str, value: bytes) -> None:
        """Set a key."""

    async def create(self, bucket: str, key: str, value: bytes) -> bytes | None:
        """Set a key unless it is there, and return None; otherwise return the value it has."""
        ...

    async def get(self, bucket: str, key: str) -> bytes | None:
        """A key's value, or None."""
        ...

    async def entry(self, bucket: str, key: str) -> tuple[int, bytes | None]:
        """A key's revision and value: what `update` compares with. (0, None): never set. A deleted key has a revision,
        and None."""
        ...

    async def update(self, bucket: str, key: str, value: bytes, revision: int) -> bool:
        """Set a key if `revision` is still its last one; otherwise return False and leave it. Sent again until it is
        acknowledged, its own copies are not taken for another's. Raises as `publish_durable`; whether it is set is
        unknown then."""
        ...

    async def delete(self, bucket: str, key: str) -> None:
        """Remove a key, if it is there."""

    async def watch(self, bucket: str, handler: ValueHandler) -> Subscription:
        """Call `handler` with every key and value, present ones before this returns; None means deleted."""
        ...

    async def last(self, stream: str, subject: str) -> Message | None:
        """The latest stored message of a subject."""
        ...

    async def stored_at(self, stream: str, seq: int) -> Message | None:
        """One stored message, or None."""
        ...

    async def messages(self, stream: str, subject: str) -> list[Message]:
        """All stored messages of a subject (wildcards allowed), in the order of the stream."""
        ...

    def read(self, stream: str, subject: str, since_unix_ms: int = 0) -> AsyncGenerator[Message, None]:
        """The stored messages of a subject (wildcards allowed) from a time on, in the order of the stream, up to the
        last one that is there. A few hundred at a time: for more than should be in memory at once."""
        ...

    async def purge(self, stream: str, subject: str) -> None:
        """Delete all stored messages of a subject."""

    async def delete_message(self, stream: str, seq: int) -> bool:
        """Delete one stored message; False if it is not there (any more)."""
        ...

    async def count_before(self, stream: str, subject_filter: str, seq: int) -> int:
        """Number of stored messages of a filter ahead of the message `seq`."""
        ...

    async def put_object(self, store: str, name: str, data: bytes) -> None:
        """Store an object, in the place of one of the same name. Raises BusUnavailableError, StreamFullError."""

    async def get_object(self, store: str, name: str) -> bytes | None:
        """An object's bytes, or None."""
        ...

    async def delete_object(self, store: str, name: str) -> None:
        """Remove an object, if it is there."""

    async def subject_counts(self, stream: str, subject_filter: str) -> dict[str, int]:
        """Number of stored messages by subject."""
        ...

    async def consumer_counts(self, consumer: ConsumerSpec) -> ConsumerCounts:
        """How far a consumer is behind."""
        ...

    def on_reconnected(self, handler: Callable[[], None]) -> None:
        """Call `handler` after each reconnect: what was sent on core NATS meanwhile, in either direction, is lost."""

    async def flush(self) -> None:
        """Return when the broker has all that was posted."""

    async def close(self) -> None:
        """Flush and disconnect."""
