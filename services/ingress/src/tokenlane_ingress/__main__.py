"""The ingress as a process: everything is put together here."""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tokenlane_chassis import clock, service
from tokenlane_chassis.service import Context
from tokenlane_chassis.settings import load
from tokenlane_client.exchanges import Exchanges
from tokenlane_ingress import errors
from tokenlane_ingress.admission import Admission, Limits
from tokenlane_ingress.app import Router
from tokenlane_ingress.auth import KeyFile, Keyring
from tokenlane_ingress.background import Background
from tokenlane_ingress.completions import Completions
from tokenlane_ingress.custody import Custody
from tokenlane_ingress.endings import Endings
from tokenlane_ingress.forgotten import Forgotten
from tokenlane_ingress.ledger import Ledger
from tokenlane_ingress.lookup import Lookup
from tokenlane_ingress.metrics import Metrics
from tokenlane_ingress.policies import Policies
from tokenlane_ingress.publisher import Publisher
from tokenlane_ingress.registry import Registry
from tokenlane_ingress.requests import Requests
from tokenlane_ingress.server import bind, serve
from tokenlane_ingress.settings import IngressSettings
from tokenlane_ingress.spans import Spans
from tokenlane_proto.topology import LANE_BUCKET, TENANT_BUCKET


@dataclass(frozen=True, slots=True)
class Door:
    """The application and what waits behind it."""

    app: Router
    exchanges: Exchanges
    custody: Custody

    def give_up(self) -> None:
        """End what still waits. Requests with an idempotency key run on, and their clients find them elsewhere."""
        self.exchanges.finish_all(errors.shutting_down())

    async def close(self) -> None:
        """Hear nothing more."""
        self.custody.close()
        await self.exchanges.stop()


async def compose(context: Context[IngressSettings], keyring: Callable[[], Keyring], ingress_id: str) -> Door:
    """Put the door together on the context's bus. `ingress_id`: a subject token, unique among processes."""
    settings, bus, log, stopping = context.settings, context.bus, context.log, context.stopping
    registry, policies = Registry(int(time.time()), log), Policies(log)
    await bus.watch(LANE_BUCKET, registry.update)
    await bus.watch(TENANT_BUCKET, policies.update)
    exchanges, background = Exchanges(bus, ingress_id, log), Background(log)
    endings = Endings(bus, exchanges, background)
    ledger = Ledger(bus, exchanges, background)
    custody = Custody(bus, endings, background, settings.resume_grace_s)
    for each in (exchanges, ledger, custody):
        await each.listen()
    lookup = Lookup(bus)
    metrics = Metrics(context.registry, lambda: len(exchanges))
    limits = Limits(settings.max_body_bytes, int(settings.request_timeout_s * 1000))
    completions = Completions(
        admission=Admission(keyring, registry, policies, limits),
        exchanges=exchanges,
        publisher=Publisher(bus, settings.max_body_bytes),
        ledger=ledger,
        custody=custody,
        endings=endings,
        forgotten=Forgotten(bus, lookup, background, clock.unix_ms),
        metrics=metrics,
        spans=Spans(context.tracing),
        unix_ms=clock.unix_ms,
    )
    requests = Requests(keyring, lookup, exchanges, endings, metrics, limits.timeout_ms)

    def ready() -> bool:
        return context.readiness.ready and bus.connected and not stopping.is_set()

    app = Router(completions, requests, registry, keyring, metrics, context.registry, ready)
    return Door(app, exchanges, custody)


async def ingress(context: Context[IngressSettings]) -> None:
    """Serve until the context is stopping, then drain. Raises StartError."""
    settings = context.settings
    keys = KeyFile(settings.api_keys_file, settings.anonymous_tenant, context.log)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, keys.reload)
    door = await compose(context, lambda: keys.keyring, secrets.token_hex(6))
    listener = bind(settings.http_host, settings.http_port)
    context.log.info("listening", host=settings.http_host, port=listener.getsockname()[1])
    context.readiness.ready = True
    try:
        await serve(door.app, listener, context.stopping, settings.drain_grace_s, door.give_up)
    finally:
        await door.close()


def main() -> int:
    """Console script."""
    return service.run("ingress", load(IngressSettings), ingress, probes=False)


if __name__ == "__main__":
    raise SystemExit(main())
