"""Sending a mix at once, and stamping each answer with the steps that the engines had made by then."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.lanes.engines import MODEL, Counters, Engine
from bench.lanes.mix import Asked
from bench.lanes.pacing import Pace
from bench.lanes.steps import Step
from tokenlane_chassis.tasks import end
from tokenlane_worker.engine.endpoint import parse_url
from tokenlane_worker.engine.http1 import Http1Client

_PATH = "/v1/completions"
# In which all requests arrive.
_ARRIVE_S = 3.0
# Engines run for so long, and rest for so long: less than a step, so that none gets far ahead.
_RUN_S, _REST_S = 0.004, 0.012
# Turns without a step after which an engine has nothing to do. The longest step takes a quarter of them.
_STILL = 25


@dataclass(frozen=True, slots=True)
class Answered:
    """When the answer was there: in steps of each engine since the round began, and in seconds."""

    asked: Asked
    steps: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """All of a mix. `steps` and `counters` are those of each engine; `ran_on` tells which of them ran a request.
    `lanes`: the first is for short ones."""

    answered: list[Answered]
    ran_on: dict[str, int]
    steps: list[list[Step]]
    counters: list[Counters]
    lanes: bool = False

    @property
    def taken(self) -> int | None:
        """Requests that the other lane's engine ran."""
        if not self.lanes:
            return None
        return sum(self.ran_on[each.asked.name] != int(not each.asked.short) for each in self.answered)

    def steps_of(self, answered: Answered) -> int:
        """Of the engine that ran it, until it was there."""
        return answered.steps[self.ran_on[answered.asked.name]]


async def send(asked: Sequence[Asked], clients: Sequence[Http1Client], engines: Sequence[Engine]) -> list[Answered]:
    """All at once, to each client in turn. Raises AssertionError on an answer that is not whole."""
    begun = time.perf_counter()

    async def one(number: int, each: Asked) -> Answered:
        sink = _Whole()
        await clients[number % len(clients)].post(_PATH, each.body(MODEL), sink, each.name)
        answered = Answered(each, tuple(engine.steps.read() for engine in engines), time.perf_counter() - begun)
        assert sink.status == 200, sink.body[:500]
        assert json.loads(sink.body)["usage"]["completion_tokens"] == each.output_tokens
        return answered

    return await asyncio.gather(*(one(number, each) for number, each in enumerate(asked)))


async def measure_round(
    asked: Sequence[Asked], clients: Sequence[Http1Client], engines: Sequence[Engine]
) -> tuple[list[Answered], list[list[Step]], list[Counters]]:
    """Send a mix; with it the steps and the counters of each engine meanwhile. The engines begin when all are there."""
    before = [engine.counters() for engine in engines]
    for engine in engines:
        engine.steps.begin()
        engine.hold()
    sending = asyncio.create_task(send(asked, clients, engines))
    await asyncio.sleep(_ARRIVE_S)
    for engine in engines:
        if not engine.paced:
            engine.go_on()
    pacing = asyncio.create_task(_pace([engine for engine in engines if engine.paced]))
    try:
        answered = await sending
    finally:
        await end(pacing)
    # The last answer is there before the engine has told its metrics of it.
    await asyncio.sleep(0.2)
    for engine in engines:
        engine.steps.read()
    counters = [engine.counters() - earlier for engine, earlier in zip(engines, before, strict=True)]
    return answered, [engine.steps.steps for engine in engines], counters


async def _pace(engines: Sequence[Engine]) -> None:
    """Let engines keep step, and leave the processor to what brings them work, as a GPU does. Of what an engine has,
    the steps that it makes are the same."""
    pace = Pace(len(engines), _STILL)
    try:
        while engines:
            runs = pace.next([engine.steps.read() for engine in engines])
            running = [engine for engine, may_run in zip(engines, runs, strict=True) if may_run]
            for engine in running:
                engine.go_on()
            await asyncio.sleep(_RUN_S)
            for engine in running:
                engine.hold()
            await asyncio.sleep(_REST_S)
    finally:
        for engine in engines:
            engine.go_on()


def client_of(url: str, key: str = "") -> Http1Client:
    """A client of a server."""
    return Http1Client(parse_url(url), api_key=key, connect_timeout_s=60)


class _Whole:
    def __init__(self) -> None:
        self.status = 0
        self.body = b""

    def head(self, status: int, content_type: str) -> None:
        self.status = status

    def data(self, chunk: bytes) -> None:
        self.body += chunk
