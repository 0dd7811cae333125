"""What one reading of a token backlog costs: the broker's count of messages by subject.

    python -m bench.backlog

A lane of 10,000 requests (20,000 for 10,000 subjects) on a file store, loopback.
"""

import asyncio
import statistics
import time

import structlog
import uvloop

from tests.support.nats_server import NatsServer
from tokenlane_chassis.connection import connect
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto import topology

_READINGS = 50


async def _fill(url: str, subjects: int, messages: int) -> None:
    bus = await connect(ServiceSettings(nats_url=url), "bench", structlog.get_logger(), lambda: None)
    numbers = iter(range(messages))

    async def one() -> None:
        for number in numbers:
            await bus.publish_durable(f"lanes.short.short.m.t{number % subjects}.1024", b"x")

    await asyncio.gather(*(one() for _ in range(256)))
    times = []
    for _ in range(_READINGS):
        before = time.perf_counter()
        counts = await bus.subject_counts(topology.LANES, "lanes.short.*.m.>")
        times.append((time.perf_counter() - before) * 1e3)
        assert (len(counts), sum(counts.values())) == (subjects, messages)
    p95 = statistics.quantiles(times, n=20)[18]
    print(
        f"{subjects:>6,} subjects: median {statistics.median(times):.2f} ms, P95 {p95:.2f} ms of {_READINGS} readings"
    )
    await bus.close()


if __name__ == "__main__":
    for size in (100, 1_000, 10_000):
        with NatsServer() as server:
            uvloop.run(_fill(server.url, size, max(10_000, 2 * size)))
