"""What a fleet must look like after it was fed anything at all."""

import asyncio
import contextlib
from dataclasses import dataclass

import nats
import psutil

from tests.support.broker import monitor
from tests.support.fleet import Fleet
from tests.support.waiting import until
from tokenlane_proto import topology

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Vitals:
    """`memory`: resident, in bytes, by process. `connections`: how many the broker has ever accepted."""

    memory: dict[str, int]
    connections: int

    def grown(self, since: "Vitals") -> dict[str, float]:
        """Growth of each process's memory, in MiB."""
        return {name: (size - since.memory[name]) / MIB for name, size in self.memory.items()}


async def vitals(fleet: Fleet) -> Vitals:
    """As they are now, once the queues are empty. Raises TimeoutError while they are not."""
    await until(lambda: _idle(fleet), timeout_s=120, every_s=0.25)
    memory = {
        name: psutil.Process(member.pid).memory_info().rss
        for name, member in fleet.members.items()
        if member.pid is not None and member.spec.role != "nats"
    }
    seen = await asyncio.to_thread(monitor, fleet.brokers[0].monitor, "/varz")
    return Vitals(memory, seen["total_connections"])


async def _idle(fleet: Fleet) -> bool:
    """Nothing waits, nothing is unacknowledged, nothing runs."""
    client = await nats.connect(fleet.nats_url)
    try:
        context = client.jetstream()
        for stream in (topology.REQUESTS, topology.LANES):
            if (await context.stream_info(stream)).state.messages:
                return False
            if any(consumer.num_ack_pending for consumer in await context.consumers_info(stream)):
                return False
    finally:
        with contextlib.suppress(nats.errors.Error):
            await client.close()
    running = [await fleet.metric("tokenlane_worker_running", f"worker-{lane}") for lane in fleet.config.lanes]
    return not sum(running)
