"""Connecting to the bus: for ever once it is up, with one clear line when it cannot be used."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import ServiceUnavailableError

from tokenlane_chassis import topology
from tokenlane_chassis.errors import StartError
from tokenlane_chassis.nats_bus import NatsBus
from tokenlane_chassis.patience import patiently
from tokenlane_proto.topology import ENVELOPE_OVERHEAD_BYTES

_RECONNECT_WAIT_S = 0.25
# A server that is there but does not answer is left after the third ping, some 12 s.
_PING_S = 4
_MAX_PINGS = 2
# Below this, what is not claim-checked would hardly fit. Unit: bytes.
_LEAST_PAYLOAD = 64 * 1024 + ENVELOPE_OVERHEAD_BYTES
# What may wait to be sent while the connection is down. Unit: bytes.
_PENDING_BYTES = 64 * 1024 * 1024


class Options(Protocol):
    """What a connection needs to know. `ServiceSettings` has it; `BusOptions` is for programs without those."""

    @property
    def nats_url(self) -> str:
        """Servers, comma-separated."""
        ...

    @property
    def nats_creds_file(self) -> Path | None:
        """Credentials file."""
        ...

    @property
    def stream_replicas(self) -> int:
        """Copies of each stream that does not exist yet."""
        ...

    @property
    def start_timeout_s(self) -> float:
        """How long to wait for the broker at first. Unit: seconds."""
        ...


@dataclass(frozen=True, slots=True)
class BusOptions:
    """See `Options`."""

    nats_url: str = "nats://127.0.0.1:4222"
    nats_creds_file: Path | None = None
    stream_replicas: int = 1
    start_timeout_s: float = 10


async def connect(
    settings: Options,
    service: str,
    log: structlog.stdlib.BoundLogger,
    closed: Callable[[], None],
    ensure_topology: bool = True,
    inbox_prefix: str = "_INBOX",
    by_subject: bool = False,
) -> NatsBus:
    """A bus with its streams in place. `closed` is called if the connection ends for good. Raises StartError.

    `ensure_topology=False` is for clients, which create nothing and need no rights to. `inbox_prefix`: of the subjects
    that answers come back on. `by_subject`: read as a tenant may, see `Streams`."""
    client = Client()
    bus: NatsBus | None = None
    complaint = "no answer"

    async def on_reconnect() -> None:
        log.info("bus reconnected")
        if bus is not None:
            await bus.reconnected()

    async def on_disconnect() -> None:
        if bus is not None and not bus.closing:
            log.warning("bus disconnected")

    async def on_error(error: Exception) -> None:
        nonlocal complaint
        complaint = str(error) or type(error).__name__
        if bus is not None:
            log.warning("bus error", error=complaint)

    async def on_closed() -> None:
        closed()

    try:
        async with asyncio.timeout(settings.start_timeout_s):
            await client.connect(
                settings.nats_url.split(","),
                name=f"tokenlane-{service}",
                max_reconnect_attempts=-1,
                ping_interval=_PING_S,
                max_outstanding_pings=_MAX_PINGS,
                reconnect_time_wait=_RECONNECT_WAIT_S,  # type: ignore[arg-type]  # a float will do
                pending_size=_PENDING_BYTES,
                inbox_prefix=inbox_prefix,
                # Subjects are built by `tokenlane_proto.subjects` alone, which checks what comes from outside.
                skip_subject_validation=True,
                user_credentials=str(settings.nats_creds_file) if settings.nats_creds_file else None,
                disconnected_cb=on_disconnect,
                reconnected_cb=on_reconnect,
                error_cb=on_error,
                closed_cb=on_closed,
            )
        _require_payload(client)
        if ensure_topology:
            await _require_jetstream(client, settings)
            await patiently(
                lambda: topology.ensure(client.jetstream(), settings.stream_replicas, log), settings.start_timeout_s
            )
    except (TimeoutError, OSError, NatsError) as error:
        await client.close()
        raise StartError(f"no bus at {settings.nats_url} ({str(error) or complaint})") from None
    except (StartError, asyncio.CancelledError):
        await client.close()
        raise
    bus = NatsBus(client, log, by_subject)
    await bus.start()
    return bus


async def _require_jetstream(client: Client, settings: Options) -> None:
    try:
        await patiently(client.jetstream().account_info, settings.start_timeout_s)
    except ServiceUnavailableError:
        raise StartError(f"JetStream is off at {settings.nats_url}: start nats-server with -js") from None
    except NatsError as error:
        raise StartError(f"JetStream does not answer at {settings.nats_url}: {error}") from None


def _require_payload(client: Client) -> None:
    if client.max_payload < _LEAST_PAYLOAD:
        raise StartError(
            f"the bus takes {client.max_payload} bytes a message, tokenlane needs {_LEAST_PAYLOAD}: "
            f"set max_payload in nats-server's configuration"
        )
