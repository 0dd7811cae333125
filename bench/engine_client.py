"""What asking an engine costs the worker: its own client against aiohttp's.

    python -m bench.engine_client

An instant server on loopback TCP, answers of 32 tokens that are not streamed. CPU is this process's own; the two take
turns.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import uvloop

from bench.overhead.load import BODY, Client

_REQUESTS = 4_000
_ROUNDS = 5

Ask = Callable[[], Awaitable[object]]


async def _cpu_us(ask: Ask, concurrency: int) -> float:
    left = iter(range(_REQUESTS))

    async def one() -> None:
        for _ in left:
            await ask()

    before = time.process_time()
    await asyncio.gather(*(one() for _ in range(concurrency)))
    return (time.process_time() - before) / _REQUESTS * 1e6


async def _compare(url: str) -> None:
    own = Client(url)
    async with aiohttp.ClientSession() as session:

        async def general() -> object:
            headers = {"content-type": "application/json"}
            async with session.post(f"{url}/v1/chat/completions", data=BODY, headers=headers) as answer:
                return await answer.read()

        for concurrency in (1, 32):
            pairs = [(await _cpu_us(general, concurrency), await _cpu_us(own.ask, concurrency)) for _ in range(_ROUNDS)]
            theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(first / second for first, second in pairs)
            print(
                f"{concurrency:>2} in flight: aiohttp {theirs:.0f} µs, own {ours:.0f} µs of CPU a request; "
                f"ratio {ratio:.1f} (medians of {_ROUNDS} rounds)"
            )
    own.close()


if __name__ == "__main__":
    command = [sys.executable, "-m", "bench.overhead.upstream"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as upstream:
        assert upstream.stdout is not None
        uvloop.run(_compare(f"http://127.0.0.1:{int(upstream.stdout.readline())}"))
        upstream.terminate()
