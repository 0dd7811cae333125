"""Start, look at the lanes time and again until told to stop."""

import asyncio
import contextlib
import time

from tokenlane_autoscaler.autoscaler import Autoscaler
from tokenlane_autoscaler.boundary.shell import BoundaryKeeper
from tokenlane_autoscaler.lanes import Lanes
from tokenlane_autoscaler.metrics import Metrics
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.service import Context
from tokenlane_proto import topology

# Read back at the start: at most some seconds' work.
_WARM_UP_S = 300.0
_WARM_UP_MOST = 50_000


async def serve(context: Context[AutoscalerSettings]) -> None:
    """Run until `context.stopping`."""
    bus = context.bus
    lanes = Lanes(context.log)
    autoscaler = Autoscaler(context, lanes, Metrics(context.registry), unix_ms)
    keeper = BoundaryKeeper(context, lanes, autoscaler.backlogs, unix_ms)
    subscriptions = [
        await bus.watch(topology.LANE_BUCKET, lanes.profile_changed),
        await bus.watch(topology.SCALE_BUCKET, lanes.wanted_changed),
        await bus.watch(topology.BOUNDARY_BUCKET, keeper.changed),
        await bus.subscribe(topology.ALL_USAGE, lanes.used),
        await bus.subscribe(topology.ALL_USAGE, keeper.used),
    ]
    if context.settings.boundary == "adaptive":
        await keeper.warm_up(_WARM_UP_S, _WARM_UP_MOST)
    context.readiness.ready = True
    while not context.stopping.is_set():
        await autoscaler.look(time.monotonic())
        await keeper.look()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(context.stopping.wait(), context.settings.interval_s)
    context.readiness.ready = False
    for subscription in subscriptions:
        await subscription.unsubscribe()
