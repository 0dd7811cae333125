"""Cancelling running requests: how long until the engine's work stops, and whether the tokens are given back."""

import asyncio
import contextlib
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum

import httpx
import nats
from nats.aio.client import Client

from tests.support.fleet import MODEL, Fleet, FleetConfig, api_key
from tests.support.waiting import until
from tokenlane_proto import headers, subjects, topology

TENANT = "calm"
# So that what is measured is not the queue in this process.
_BETWEEN_S = 0.004
_COMMITTED = "tokenlane_worker_kv_tokens"


class Way(StrEnum):
    """How a request is cancelled."""

    DISCONNECT = "disconnect"
    DELETE = "delete"
    BUS = "bus"


@dataclass(slots=True)
class Cancelled:
    """`stopped_s`: from the moment of the cancellation until the engine's work stopped, by way."""

    stopped_s: dict[Way, list[float]] = field(default_factory=lambda: {way: [] for way in Way})
    committed_before: float = 0
    committed_between: float = 0
    committed_after: float = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def p95_s(self, way: Way | None = None) -> float:
        """95th percentile over one way or all."""
        times = [each for one, all_of in self.stopped_s.items() for each in all_of if way in (None, one)]
        return statistics.quantiles(times, n=20)[18]


class _Engine:
    """The upstream server as a process. `gone`: when a stream was given up, by number."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}"
        self.gone: dict[int, float] = {}

    async def listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            _, number, at = line.split()
            self.gone[int(number)] = float(at)

    def end_streams(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")


@contextlib.asynccontextmanager
async def _engine() -> AsyncIterator[_Engine]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.upstream", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    engine = _Engine(process, int(await process.stdout.readline()))
    listening = asyncio.create_task(engine.listen())
    try:
        yield engine
    finally:
        process.terminate()
        await process.wait()
        await listening


async def cancel_many(running: int, cancelled: int, seed: int = 5) -> Cancelled:
    """Start `running` requests, cancel `cancelled` of them in three ways, and let the rest finish."""
    async with _engine() as engine:
        per_worker = str(running)
        settings = {"ENGINE": "url", "ENGINE_URL": engine.url, "ENGINE_MAX_NUM_SEQS": per_worker}
        limits = httpx.Limits(max_connections=None)
        authorization = {"authorization": f"Bearer {api_key(TENANT)}"}
        async with (
            Fleet(FleetConfig(engine=settings)) as fleet,
            httpx.AsyncClient(headers=authorization, limits=limits, timeout=60, trust_env=False) as http,
        ):
            bus = await nats.connect(fleet.nats_url)
            try:
                return await _Drill(fleet, engine, http, bus, random.Random(seed)).run(running, cancelled)
            finally:
                await bus.close()


class _Drill:
    def __init__(
        self, fleet: Fleet, engine: _Engine, http: httpx.AsyncClient, bus: Client, source: random.Random
    ) -> None:
        self._fleet = fleet
        self._engine = engine
        self._http = http
        self._bus = bus
        self._random = source
        self._open: dict[int, httpx.Response] = {}
        self._found = Cancelled()

    async def run(self, running: int, cancelled: int) -> Cancelled:
        found = self._found
        for start in range(0, running, 50):
            await asyncio.gather(*(self._begin(number) for number in range(start, min(start + 50, running))))
        found.committed_before = await self._committed()
        chosen = {number: list(Way)[number % 3] for number in self._random.sample(range(running), cancelled)}
        sent = await self._cancel(chosen)
        await until(lambda: chosen.keys() <= self._engine.gone.keys(), every_s=0.02)
        for number, way in chosen.items():
            found.stopped_s[way].append(self._engine.gone[number] - sent[number])
        share = found.committed_before * (running - cancelled) / running
        with contextlib.suppress(TimeoutError):
            await until(lambda: self._committed_is(share), timeout_s=5, every_s=0.1)
        found.committed_between = await self._committed()
        self._engine.end_streams()
        await asyncio.gather(*(self._end(self._open[number]) for number in range(running) if number not in chosen))
        with contextlib.suppress(TimeoutError):
            await until(lambda: self._committed_is(0), timeout_s=10, every_s=0.1)
        found.committed_after = await self._committed()
        await until(lambda: self._has_results(running), timeout_s=30, every_s=0.25)
        return found

    async def _begin(self, number: int) -> None:
        # Of one width, so that all have the same budget.
        fields = {"model": MODEL, "stream": True, "max_tokens": 100, "user": f"{number:04}"}
        url = self._fleet.urls[number % len(self._fleet.urls)]
        body = {**fields, "messages": [{"role": "user", "content": "On and on."}]}
        request = self._http.build_request("POST", f"{url}/v1/chat/completions", json=body)
        answer = await self._http.send(request, stream=True)
        if answer.status_code != 200:
            raise AssertionError(f"{answer.status_code}: {await answer.aread()!r}")
        self._open[number] = answer

    async def _cancel(self, chosen: dict[int, Way]) -> dict[int, float]:
        sent = {}
        async with asyncio.TaskGroup() as group:
            for number, way in chosen.items():
                answer = self._open[number]
                sent[number] = time.monotonic()
                if way is Way.DISCONNECT:
                    await answer.aclose()
                elif way is Way.DELETE:
                    group.create_task(self._delete(answer))
                else:
                    await self._bus.publish(subjects.cancel(TENANT), answer.headers["x-request-id"].encode())
                    await self._bus.flush()
                await asyncio.sleep(_BETWEEN_S)
        return sent

    async def _delete(self, answer: httpx.Response) -> None:
        url = f"{answer.request.url.scheme}://{answer.request.url.netloc.decode()}"
        deleted = await self._http.delete(f"{url}/v1/requests/{answer.headers['x-request-id']}")
        if deleted.status_code >= 300:
            raise AssertionError(f"DELETE: {deleted.status_code} {deleted.text}")

    async def _end(self, answer: httpx.Response) -> None:
        assert (await answer.aread()).endswith(b"data: [DONE]\n\n")

    async def _committed(self) -> float:
        lanes = [
            await self._fleet.metric(_COMMITTED, f"worker-{lane}", state="committed") for lane in ("short", "long")
        ]
        return sum(lanes)

    async def _committed_is(self, tokens: float) -> bool:
        return await self._committed() == tokens

    async def _has_results(self, count: int) -> bool:
        context = self._bus.jetstream()
        state = (await context.stream_info(topology.RESULTS)).state
        if state.messages < count:
            return False
        subscription = await context.subscribe("results.>", ordered_consumer=True)
        fields = [(await subscription.next_msg(10)).headers or {} for _ in range(state.messages)]
        await subscription.unsubscribe()
        self._found.outcomes = dict(Counter(each.get(headers.OUTCOME, "none") for each in fields))
        return True
