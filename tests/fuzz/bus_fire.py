"""Anything at all on every subject of the bus."""

import random
from collections.abc import Sequence

import nats
from nats.aio.client import Client

from tests.support.fleet import LANES, MODEL
from tokenlane_proto import headers, subjects

_FLUSH_EVERY = 200
_HEADERS = (headers.REPLY_INBOX, headers.DEADLINE_MS, headers.REQUEST_ID, headers.IDEMPOTENCY_KEY, headers.TRACEPARENT)


async def fire(
    nats_url: str,
    tenant: str,
    payloads: Sequence[bytes],
    tokens: Sequence[str],
    values: Sequence[str],
    number: int,
) -> None:
    """Publish every payload somewhere. `tokens` are used in subjects, `values` in headers; `number` is the seed."""
    source = random.Random(number)
    client = await nats.connect(nats_url)
    try:
        for count, payload in enumerate(payloads, 1):
            subject = _subject(tenant, source, tokens)
            fields = _fields(source, values) if subject.startswith("requests.") else {}
            await client.publish(subject, payload, headers=fields or None)
            if not count % _FLUSH_EVERY:
                await _flush(client)
        await _flush(client)
    finally:
        await client.close()


async def _flush(client: Client) -> None:
    await client.flush(30)


def _subject(tenant: str, source: random.Random, tokens: Sequence[str]) -> str:
    token = source.choice(tokens)
    if source.random() < 0.6:
        return subjects.requests(tenant)
    if source.random() < 0.2:
        return subjects.lane(source.choice(LANES), source.choice(LANES), MODEL, tenant, source.randrange(1, 4096))
    return source.choice(
        (
            subjects.cancel(tenant),
            subjects.attach(tenant),
            subjects.claims(tenant),
            subjects.status(tenant),
            subjects.usage(tenant),
            subjects.started(tenant, token),
            subjects.shown(tenant, token),
            subjects.reply(tenant, f"{token}.1"),
            subjects.progress(tenant, token),
        )
    )


def _fields(source: random.Random, values: Sequence[str]) -> dict[str, str]:
    chosen = source.sample(_HEADERS, source.choice((0, 0, 1, 2)))
    return {name: source.choice(values) for name in chosen}
