"""Preemptions during a replay, from the workers' own counters. Workers may come and go meanwhile."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tokenlane_cli.stack.files import StackInfo, read_stack

COUNTER = "tokenlane_engine_preemptions_total"
_EVERY_S = 2.0
_TIMEOUT = aiohttp.ClientTimeout(total=3)

# (lane, process id of the worker): a restarted worker counts from zero again, under another id.
Worker = tuple[str, int]


class PreemptionCount:
    """Keeps the first and the latest reading of each worker. Pure."""

    def __init__(self) -> None:
        self._first: dict[Worker, float] = {}
        self._latest: dict[Worker, float] = {}

    def begin(self, readings: Mapping[Worker, float]) -> None:
        """What the counters showed before the first request."""
        self._first = dict(readings)
        self._latest = dict(readings)

    def update(self, readings: Mapping[Worker, float]) -> None:
        """What they show now. A worker that was not there at first began at zero."""
        self._latest.update(readings)

    def by_lane(self) -> dict[str, int]:
        """Preemptions since `begin`. A lane that is missing never gave a reading."""
        lanes: dict[str, int] = {}
        for worker, value in self._latest.items():
            lanes[worker[0]] = lanes.get(worker[0], 0) + round(value - self._first.get(worker, 0.0))
        return lanes


def counter_value(exposition: str) -> float | None:
    """Sum of the counter over all labels in a Prometheus text; None if it is not there."""
    lines = "\n".join(line for line in exposition.splitlines() if COUNTER.removesuffix("_total") in line)
    samples = [
        sample.value
        for family in text_string_to_metric_families(f"{lines}\n")
        for sample in family.samples
        if sample.name == COUNTER
    ]
    return sum(samples) if samples else None


class PreemptionWatch:
    """Reads the counters of the local stack now and then. Without a local stack it knows nothing."""

    def __init__(self, data_dir: Path, url: str) -> None:
        self._data_dir = data_dir
        self._url = url
        self._count = PreemptionCount()
        self._http = aiohttp.ClientSession(timeout=_TIMEOUT)

    async def __aenter__(self) -> "PreemptionWatch":
        self._count.begin(await self._read())
        self._following = asyncio.create_task(self._follow(), name="preemptions")
        return self

    async def __aexit__(self, *error: object) -> None:
        self._following.cancel()
        await asyncio.wait({self._following})
        await self._http.close()

    async def by_lane(self) -> dict[str, int]:
        """Preemptions by lane since the context was opened, after one more reading."""
        self._count.update(await self._read())
        return self._count.by_lane()

    async def _follow(self) -> None:
        # A worker that is scaled away keeps its last reading.
        while True:
            await asyncio.sleep(_EVERY_S)
            self._count.update(await self._read())

    async def _read(self) -> dict[Worker, float]:
        stack = read_stack(self._data_dir)
        if stack is None or stack.url != self._url:
            return {}
        return await self._scrape(stack)

    async def _scrape(self, stack: StackInfo) -> dict[Worker, float]:
        readings: dict[Worker, float] = {}
        for process in stack.processes:
            value = await self._value(process.metrics_url) if process.lane else None
            if value is not None:
                readings[process.lane, process.pid] = value
        return readings

    async def _value(self, url: str) -> float | None:
        try:
            async with self._http.get(url) as response:
                return counter_value(await response.text())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
