"""When engines had something to do, by what workers tell of each request that ended."""

import time
from collections.abc import Iterator

from nats.aio.client import Client
from nats.aio.msg import Msg

from bench.tenants.load import Load
from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_proto import topology


class Busy:
    """Times on the load's clock. A request is with its engine from its submission on, until its end is told."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._of: dict[str, list[tuple[float, float]]] = {}

    async def listen(self, client: Client) -> None:
        """From now on."""
        await client.subscribe(topology.ALL_USAGE, cb=self._used)

    def idle(self, since_s: float, until_s: float) -> float:
        """Part of this time in which an engine had no request, on average over engines."""
        free = [1 - sum(_covered(spans, since_s, until_s)) / (until_s - since_s) for spans in self._of.values()]
        return sum(free) / len(free)

    async def _used(self, message: Msg) -> None:
        event, now_s = UsageEvent.FromString(message.data), self._load.now_s
        age_s = time.time() - event.accepted_unix_ms / 1_000 - event.queue_wait_us / 1e6
        self._of.setdefault(event.worker, []).append((now_s - age_s, now_s))


def _covered(spans: list[tuple[float, float]], since_s: float, until_s: float) -> Iterator[float]:
    reached_s = since_s
    for begin_s, end_s in sorted(spans):
        end_s = min(end_s, until_s)
        if end_s > reached_s:
            yield end_s - max(begin_s, reached_s)
            reached_s = end_s
