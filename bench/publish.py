"""What a durable publish costs its process: nats-py's `publish_async` against the chassis's own.

    python -m bench.publish

64 in flight, file store on loopback: 1 KB, and the 12 KB that a second of a streamed answer has. CPU is this process's
own; the two take turns.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import uvloop
from nats.aio.client import Client
from nats.js.api import StreamConfig

from tests.support.nats_server import NatsServer
from tokenlane_chassis.durable import DurablePublisher

_MESSAGES = 20_000
_ROUNDS = 5
_SIZES = (1_000, 12_000)

Publish = Callable[[dict[str, str]], Awaitable[object]]


async def _cpu_us(publish: Publish, tag: str) -> float:
    numbers = iter(range(_MESSAGES))

    async def one() -> None:
        for number in numbers:
            await publish({"Nats-Msg-Id": f"{tag}.{number}"})

    before = time.process_time()
    await asyncio.gather(*(one() for _ in range(64)))
    return (time.process_time() - before) / _MESSAGES * 1e6


async def _compare(url: str, size: int) -> None:
    payload = b"x" * size
    client = Client()
    await client.connect(url, skip_subject_validation=True)
    jetstream = client.jetstream()
    await jetstream.add_stream(StreamConfig(name="BENCH", subjects=["bench"]))
    publisher = DurablePublisher(client)
    await publisher.start()

    async def library(headers: dict[str, str]) -> object:
        async with asyncio.timeout(5):
            return await (await jetstream.publish_async("bench", payload, headers=headers))

    async def own(headers: dict[str, str]) -> object:
        return await publisher.publish("bench", payload, headers)

    pairs = []
    for round_number in range(_ROUNDS):
        pairs.append((await _cpu_us(library, f"l{round_number}"), await _cpu_us(own, f"o{round_number}")))
    publisher.stop()
    await client.close()
    theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(first / second for first, second in pairs)
    print(
        f"{size:,} bytes: nats-py {theirs:.1f} µs, own {ours:.1f} µs of CPU a message; "
        f"ratio {ratio:.2f} (medians of {_ROUNDS} rounds)"
    )


if __name__ == "__main__":
    for size in _SIZES:
        with NatsServer() as server:
            uvloop.run(_compare(server.url, size))
