"""The ingress as a process: everything is put together here."""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tokenlane_chassis import clock, service
from tokenlane_chassis.service import Context
from tokenlane_chassis.settings import load
from tokenlane_ingress import errors
from tokenlane_ingress.app import Router
from tokenlane_ingress.auth import KeyFile, Keyring
from tokenlane_ingress.completions import Completions, Limits
from tokenlane_ingress.exchanges import Exchanges
from tokenlane_ingress.metrics import Metrics
from tokenlane_ingress.publisher import Publisher
from tokenlane_ingress.registry import Registry
from tokenlane_ingress.server import bind, serve
from tokenlane_ingress.settings import IngressSettings
from tokenlane_ingress.spans import Spans
from tokenlane_proto.topology import LANE_BUCKET


@dataclass(frozen=True, slots=True)
class Door:
    """The application and what waits behind it."""

    app: Router
    exchanges: Exchanges


async def compose(context: Context[IngressSettings], keyring: Callable[[], Keyring], ingress_id: str) -> Door:
    """Put the door together on the context's bus. `ingress_id`: a subject token, unique among processes."""
    settings, bus, stopping = context.settings, context.bus, context.stopping
    registry = Registry(int(time.time()), context.log)
    await bus.watch(LANE_BUCKET, registry.update)
    exchanges = Exchanges(bus, ingress_id, context.log)
    await exchanges.listen()
    metrics = Metrics(context.registry, lambda: len(exchanges))
    completions = Completions(
        keyring=keyring,
        registry=registry,
        exchanges=exchanges,
        publisher=Publisher(bus, settings.max_body_bytes),
        metrics=metrics,
        spans=Spans(context.tracing),
        limits=Limits(settings.max_body_bytes, int(settings.request_timeout_s * 1000)),
        unix_ms=clock.unix_ms,
    )

    def ready() -> bool:
        return context.readiness.ready and bus.connected and not stopping.is_set()

    return Door(Router(completions, metrics, context.registry, ready), exchanges)


async def ingress(context: Context[IngressSettings]) -> None:
    """Serve until the context is stopping, then drain. Raises StartError."""
    settings = context.settings
    keys = KeyFile(settings.api_keys_file, settings.anonymous_tenant, context.log)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, keys.reload)
    door = await compose(context, lambda: keys.keyring, secrets.token_hex(6))
    listener = bind(settings.http_host, settings.http_port)
    context.log.info("listening", host=settings.http_host, port=listener.getsockname()[1])
    context.readiness.ready = True
    give_up = partial(door.exchanges.finish_all, errors.shutting_down())
    await serve(door.app, listener, context.stopping, settings.drain_grace_s, give_up)


def main() -> int:
    """Console script."""
    return service.run("ingress", load(IngressSettings), ingress, probes=False)


if __name__ == "__main__":
    raise SystemExit(main())
