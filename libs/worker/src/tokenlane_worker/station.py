"""What every part of a worker works with."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tokenlane_chassis.bus import Bus
from tokenlane_worker.credit import Capacity
from tokenlane_worker.engine.protocol import Engine, EngineStats
from tokenlane_worker.metrics import WorkerMetrics
from tokenlane_worker.priority import with_priority
from tokenlane_worker.tracing import JobTracing


@dataclass(frozen=True)
class Station:
    """One engine at one lane, or at several of which `lane` is the first. `elastic`: takes what waits in other lanes
    and fits, while its own have nothing. `worker_id` is unique among workers. `max_attempts`: failed attempts after
    which a request is given up. `max_run_s`: seconds for which an attempt may show signs of life. `overrun_tokens`: a
    stream that grows longer, prompt included, moves to a longer lane; 0: where the engine's context ends.
    `prefill_cap`: tokens of prompts in the engine and not computed yet above which nothing is pulled; 0: any number.
    `batch_beside`: sequences of batch priority at most beside others."""

    bus: Bus
    engine: Engine
    # Most urgent first.
    lanes: tuple[str, ...]
    model: str
    elastic: bool
    worker_id: str
    simulated: bool
    capacity: Capacity
    ack_wait_s: float
    max_attempts: int
    max_run_s: float
    metrics: WorkerMetrics
    # The engine's figures as of the last look at them.
    stats: Callable[[], EngineStats | None]
    tracing: JobTracing
    log: structlog.stdlib.BoundLogger
    overrun_tokens: int = 0
    prefill_cap: int = 0
    batch_beside: int = 1

    @property
    def lane(self) -> str:
        """Names this worker among others."""
        return self.lanes[0]

    def urgency(self, lane: str) -> int:
        """Of what waited in `lane`: 0 is the most urgent, other lanes come last."""
        return self.lanes.index(lane) if lane in self.lanes else len(self.lanes)

    def for_engine(self, lane: str, body: bytes) -> bytes:
        """The body of a request that waited in `lane`, as the engine gets it."""
        return body if len(self.lanes) == 1 else with_priority(body, self.urgency(lane))

    def lane_for(self, lane: str) -> str:
        """The own lane that counts for what waited in `lane`."""
        return lane if lane in self.lanes else self.lane
