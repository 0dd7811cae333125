"""The ingress as a process: everything is put together here."""

import asyncio
import secrets
import signal
import time

from tokenlane_chassis import clock, service
from tokenlane_chassis.service import Context
from tokenlane_chassis.settings import load
from tokenlane_ingress import errors
from tokenlane_ingress.app import Router
from tokenlane_ingress.auth import KeyFile
from tokenlane_ingress.completions import Completions, Limits
from tokenlane_ingress.exchanges import Exchanges
from tokenlane_ingress.metrics import Metrics
from tokenlane_ingress.publisher import Publisher
from tokenlane_ingress.registry import Registry
from tokenlane_ingress.server import bind, serve
from tokenlane_ingress.settings import IngressSettings
from tokenlane_ingress.spans import Spans
from tokenlane_proto.topology import LANE_BUCKET


async def ingress(context: Context[IngressSettings]) -> None:
    """Serve until the context is stopping, then drain. Raises StartError."""
    settings, bus = context.settings, context.bus
    keys = KeyFile(settings.api_keys_file, settings.anonymous_tenant, context.log)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, keys.reload)
    registry = Registry(int(time.time()), context.log)
    await bus.watch(LANE_BUCKET, registry.update)
    exchanges = Exchanges(bus, secrets.token_hex(6), context.log)
    await exchanges.listen()
    metrics = Metrics(context.registry, lambda: len(exchanges))
    completions = Completions(
        keyring=lambda: keys.keyring,
        registry=registry,
        exchanges=exchanges,
        publisher=Publisher(bus, settings.max_body_bytes),
        metrics=metrics,
        spans=Spans(context.tracing),
        limits=Limits(settings.max_body_bytes, int(settings.request_timeout_s * 1000)),
        unix_ms=clock.unix_ms,
    )
    stopping = context.stopping
    app = Router(completions, metrics, context.registry, lambda: bus.connected and not stopping.is_set())
    listener = bind(settings.http_host, settings.http_port)
    context.log.info("listening", host=settings.http_host, port=listener.getsockname()[1])
    context.readiness.ready = True
    await serve(app, listener, stopping, settings.drain_grace_s, lambda: exchanges.finish_all(errors.shutting_down()))


def main() -> int:
    """Console script."""
    return service.run("ingress", load(IngressSettings), ingress, probes=False)


if __name__ == "__main__":
    raise SystemExit(main())
