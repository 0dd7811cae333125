"""What a room may ask of the bus. `nats_bus` is the real one, `fake_bus` keeps it in memory; one suite tests both."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from tokenlane_proto.topology import ConsumerSpec


class Message(NamedTuple):
    """A message as it arrived."""

    subject: str
    data: bytes
    headers: Mapping[str, str]


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

    async def publish_durable(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Publish to the stream of `subject` and return the stored message's sequence.

        Raises BusUnavailableError, MessageTooLargeError, StreamFullError."""
        ...

    async def subscribe(self, subject: str, handler: MessageHandler, queue: str = "") -> Subscription:
        """Core NATS. With `queue`, each message goes to one member of that group."""
        ...

    async def pull(self, consumer: ConsumerSpec, handler: DeliveryHandler, target: Callable[[], int]) -> Puller:
        """Pull for as long as the puller lives. `target` says how many messages may be on their way right now; it is
        asked again after each delivery, each expiry, each reconnect and each `poke`."""
        ...

    async def ensure_consumer(self, consumer: ConsumerSpec) -> None:
        """Create the durable consumer unless it is there. Raises StartError if it is there with another filter."""

    async def put(self, bucket: str, key: str, value: bytes) -> None:
        """Set a key."""

    async def get(self, bucket: str, key: str) -> bytes | None:
        """A key's value, or None."""
        ...

    async def delete(self, bucket: str, key: str) -> None:
        """Remove a key, if it is there."""

    async def watch(self, bucket: str, handler: ValueHandler) -> Subscription:
        """Call `handler` with every key and value, present ones before this returns; None means deleted."""
        ...

    async def last(self, stream: str, subject: str) -> Message | None:
        """The latest stored message of a subject."""
        ...

    async def subject_counts(self, stream: str, subject_filter: str) -> dict[str, int]:
        """Number of stored messages by subject."""
        ...

    async def consumer_counts(self, consumer: ConsumerSpec) -> ConsumerCounts:
        """How far a consumer is behind."""
        ...

    async def flush(self) -> None:
        """Return when the broker has all that was posted."""

    async def close(self) -> None:
        """Flush and disconnect."""
