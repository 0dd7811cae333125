"""What every part of a worker works with."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tokenlane_chassis.bus import Bus
from tokenlane_proto.topology import ConsumerSpec
from tokenlane_worker.credit import Capacity
from tokenlane_worker.engine.protocol import Engine, EngineStats
from tokenlane_worker.metrics import WorkerMetrics
from tokenlane_worker.tracing import JobTracing


@dataclass(frozen=True)
class Station:
    """One engine at one lane. `worker_id` is unique among workers. `max_attempts`: failed attempts after which a
    request is given up. `max_run_s`: seconds for which an attempt may show signs of life."""

    bus: Bus
    engine: Engine
    lane: str
    worker_id: str
    simulated: bool
    capacity: Capacity
    consumer: ConsumerSpec
    max_attempts: int
    max_run_s: float
    metrics: WorkerMetrics
    # The engine's figures as of the last look at them.
    stats: Callable[[], EngineStats | None]
    tracing: JobTracing
    log: structlog.stdlib.BoundLogger
