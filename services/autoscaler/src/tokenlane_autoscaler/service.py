"""Start, look at the lanes time and again until told to stop."""

import asyncio
import contextlib
import time

from tokenlane_autoscaler.autoscaler import Autoscaler
from tokenlane_autoscaler.lanes import Lanes
from tokenlane_autoscaler.metrics import Metrics
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.service import Context
from tokenlane_proto import topology


async def serve(context: Context[AutoscalerSettings]) -> None:
    """Run until `context.stopping`."""
    bus = context.bus
    lanes = Lanes(context.log)
    autoscaler = Autoscaler(context, lanes, Metrics(context.registry), unix_ms)
    subscriptions = [
        await bus.watch(topology.LANE_BUCKET, lanes.profile_changed),
        await bus.watch(topology.SCALE_BUCKET, lanes.wanted_changed),
        await bus.subscribe(topology.ALL_USAGE, lanes.used),
    ]
    context.readiness.ready = True
    while not context.stopping.is_set():
        await autoscaler.look(time.monotonic())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(context.stopping.wait(), context.settings.interval_s)
    context.readiness.ready = False
    for subscription in subscriptions:
        await subscription.unsubscribe()
