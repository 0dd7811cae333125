"""Looking at the engine now and then: its figures for the metrics, and whether it still moves."""

import asyncio
import contextlib
import time

from tokenlane_worker.engine.errors import EngineError
from tokenlane_worker.engine.protocol import Engine
from tokenlane_worker.engine.stall import Pulse, observe, stalled
from tokenlane_worker.metrics import EngineCollector

# An engine that hangs altogether does not answer this either.
_STATS_TIMEOUT_S = 10.0


async def watch_engine(engine: Engine, collector: EngineCollector, interval_s: float, stall_s: float) -> str:
    """Read the engine's figures every `interval_s` seconds. Returns why it counts as dead, once it has run requests for
    `stall_s` seconds without any motion; 0 is never."""
    pulse: Pulse | None = None
    while True:
        with contextlib.suppress(EngineError, TimeoutError):
            async with asyncio.timeout(_STATS_TIMEOUT_S):
                collector.stats = await engine.stats()
            pulse = observe(pulse, collector.stats, time.monotonic())
        if stalled(pulse, time.monotonic(), stall_s):
            return f"the engine has requests and moved nothing for {stall_s:g} s"
        await asyncio.sleep(interval_s)
