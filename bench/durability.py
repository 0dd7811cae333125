"""What it costs to have every message on disk before it is acknowledged: nats-server's `sync_interval: always`.

    python -m bench.durability

Two servers on loopback with a file store on this machine's disk, one with the default (a sync every two minutes), one
that syncs each write. 1 KB messages, one at a time and 256 in flight; the two take turns.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import uvloop
from nats.aio.client import Client
from nats.js.api import StreamConfig

from tests.support.nats_server import NatsServer
from tokenlane_chassis.durable import DurablePublisher

_SECONDS = 2.0
_ROUNDS = 3
_PAYLOAD = b"x" * 1000
_IN_FLIGHT = 256


class _Target:
    """A stream on one server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = Client()
        self._numbers: Iterator[int] = count()

    async def start(self) -> None:
        await self._client.connect(self._url, skip_subject_validation=True)
        await self._client.jetstream().add_stream(StreamConfig(name="BENCH", subjects=["bench"]))
        self._publisher = DurablePublisher(self._client)
        await self._publisher.start()

    async def stop(self) -> None:
        self._publisher.stop()
        await self._client.close()

    async def latencies(self, in_flight: int) -> list[float]:
        """Seconds that each message took that was published within the time."""
        taken: list[float] = []
        until = time.perf_counter() + _SECONDS

        async def one() -> None:
            while (begun := time.perf_counter()) < until:
                await self._publisher.publish("bench", _PAYLOAD, {"Nats-Msg-Id": str(next(self._numbers))})
                taken.append(time.perf_counter() - begun)

        await asyncio.gather(*(one() for _ in range(in_flight)))
        return taken


async def _compare(default: str, always: str) -> None:
    targets = _Target(default), _Target(always)
    for target in targets:
        await target.start()
    for in_flight in (1, _IN_FLIGHT):
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(_ROUNDS):
            for target, times in zip(targets, taken, strict=True):
                times += await target.latencies(in_flight)
        _report(in_flight, *taken)
    for target in targets:
        await target.stop()


def _report(in_flight: int, default: list[float], always: list[float]) -> None:
    print(f"{in_flight} in flight")
    for name, times in (("default", default), ("sync_interval: always", always)):
        cuts = statistics.quantiles(times, n=100)
        rate = len(times) / (_SECONDS * _ROUNDS)
        print(f"  {name:<22} {rate:>8,.0f}/s   P50 {cuts[49] * 1e3:.2f} ms   P99 {cuts[98] * 1e3:.2f} ms")
    print(f"  ratio                  {len(default) / len(always):>8.1f} to 1")


if __name__ == "__main__":
    # Not the machine's /tmp, which may be memory.
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        first, second = Path(directory, "default"), Path(directory, "always")
        with NatsServer(directory=first) as default, NatsServer(directory=second, sync_always=True) as always:
            uvloop.run(_compare(default.url, always.url))
