"""What the broker holds after a run: exactly one terminal result for each request, and nothing else."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig, StreamSource

from tests.chaos.answers import Said, read_events, read_whole
from tests.chaos.workload import Ask
from tokenlane_proto import headers, subjects, topology

_EMPTY_WITHIN_S = 60
_QUEUES = (topology.REQUESTS, topology.LANES)
# All results that were ever stored, those that gave way included.
_EVERY_RESULT = "EVERY_RESULT"


@dataclass(slots=True)
class Audit:
    """`results`: stored ones of the tenant. `overwritten`: results stored in the place of another that was no refusal
    with a time to come again (those give way: `gave_way`). `left`: messages
    that are still in the queues, by subject, or unacknowledged. `progress`: messages that are kept of requests that
    have ended; a broker that is killed forgets that it deleted some, and they grow old."""

    results: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    overwritten: int = 0
    gave_way: int = 0
    differing: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    progress: int = 0


async def keep_every_result(nats_url: str, replicas: int) -> None:
    """From now on, for `audit`."""
    client = await nats.connect(nats_url.split(","))
    try:
        sources = [StreamSource(name=topology.RESULTS)]
        await client.jetstream(timeout=10).add_stream(
            StreamConfig(name=_EVERY_RESULT, sources=sources, num_replicas=replicas)
        )
    finally:
        await client.close()


async def audit(nats_url: str, tenant: str, asks: Sequence[Ask], expected: dict[int, Said]) -> Audit:
    """Wait until the queues are empty, a minute at most, and count."""
    client = await nats.connect(nats_url.split(","), max_reconnect_attempts=-1)
    try:
        context = client.jetstream(timeout=10)
        left = await _drained(context)
        found = await _read_results(client, context, tenant, asks, expected)
        found.left = left
        found.progress = (await context.stream_info(topology.PROGRESS)).state.messages
        return found
    finally:
        await client.close()


async def _drained(context: JetStreamContext) -> dict[str, int]:
    deadline = time.monotonic() + _EMPTY_WITHIN_S
    while True:
        left = await _left(context)
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.25)


async def _left(context: JetStreamContext) -> dict[str, int]:
    left: dict[str, int] = {}
    for name in _QUEUES:
        left |= (await context.stream_info(name, subjects_filter=">")).state.subjects or {}
    for name in _QUEUES:
        for consumer in await context.consumers_info(name):
            left[f"{name}/{consumer.name} unacknowledged"] = consumer.num_ack_pending or 0
    return {what: count for what, count in left.items() if count}


async def _read_results(
    client: Client, context: JetStreamContext, tenant: str, asks: Sequence[Ask], expected: dict[int, Said]
) -> Audit:
    info = await context.stream_info(topology.RESULTS)
    found = Audit()
    by_id = {subjects.keyed_id(ask.key): ask for ask in asks}
    outcomes: Counter[str] = Counter()
    subscription = await context.subscribe(subjects.result(tenant, "*"), ordered_consumer=True)
    counted = await context.stream_info(topology.RESULTS, subjects_filter=subjects.result(tenant, "*"))
    total = len(counted.state.subjects or {})
    for _ in range(total):
        message = await subscription.next_msg(20)
        fields = message.headers or {}
        request_id = message.subject.rsplit(".", 1)[1]
        outcomes[fields.get(headers.OUTCOME, "none")] += 1
        ask = by_id.pop(request_id, None)
        found.gave_way -= headers.RETRY_AFTER_MS in fields
        if ask is None:
            found.unknown.append(request_id)
        elif fields.get(headers.OUTCOME) == "completed":
            _compare(found, ask, message.data, expected)
    await subscription.unsubscribe()
    found.gave_way += await _refusals(context)
    found.overwritten = max(0, info.state.last_seq - info.state.messages - found.gave_way)
    found.results, found.outcomes, found.missing = total, dict(outcomes), sorted(by_id)
    return found


async def _refusals(context: JetStreamContext) -> int:
    """Results that say when to come again, of all that were ever stored."""
    total = (await context.stream_info(_EVERY_RESULT)).state.messages
    config = ConsumerConfig(headers_only=True)
    subscription = await context.subscribe(">", stream=_EVERY_RESULT, ordered_consumer=True, config=config)
    stored = [await subscription.next_msg(20) for _ in range(total)]
    await subscription.unsubscribe()
    return sum(headers.RETRY_AFTER_MS in (message.headers or {}) for message in stored)


def _compare(found: Audit, ask: Ask, body: bytes, expected: dict[int, Said]) -> None:
    try:
        said = read_events(body) if ask.streamed else read_whole(body)
    except Exception as error:
        found.differing.append(f"{ask.number}: {error!r}")
        return
    if said != expected[ask.number]:
        found.differing.append(f"{ask.number}: {said} instead of {expected[ask.number]}")


async def reachable(nats_url: str) -> bool:
    """Whether a broker answers."""
    try:
        client = await nats.connect(nats_url.split(","), allow_reconnect=False)
    except (NatsError, OSError):
        return False
    await client.close()
    return True
