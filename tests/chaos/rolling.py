"""A rolling restart of everything under load: what the official client sees with its default retries, and no key."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import httpx2
import openai

from tests.chaos.answers import Said
from tests.chaos.expected import undisturbed
from tests.chaos.openai_client import ask_once
from tests.chaos.workload import Ask, Mix, make_asks
from tests.support.fleet import Fleet, FleetConfig, api_key
from tests.support.member import Member
from tests.support.waiting import until

TENANT = "calm"
_DIFFERENT = 500


@dataclass(slots=True)
class Rolled:
    """`restarts`: seconds that each process took to drain and to be ready again. `errors`: what clients saw."""

    requests: int = 0
    errors: list[str] = field(default_factory=list)
    restarts: dict[str, float] = field(default_factory=dict)


async def rolling_restart(rate: float, config: FleetConfig) -> Rolled:
    """Restart every process of a fleet in turn, with `rate` requests a second from the first to the last."""
    asks = make_asks(_DIFFERENT, 3, "roll", Mix())
    expected = await undisturbed(asks)
    rolled = Rolled()
    async with (
        Fleet(config) as fleet,
        openai.AsyncOpenAI(base_url=f"{fleet.urls[0]}/v1", api_key=api_key(TENANT)) as client,
        asyncio.TaskGroup() as group,
    ):
        done = asyncio.Event()
        group.create_task(_load(client, asks, expected, rate, rolled, done))
        try:
            await _roll(fleet, rolled)
        finally:
            done.set()
    return rolled


async def _roll(fleet: Fleet, rolled: Rolled) -> None:
    roles = ("ingress", "classifier", "worker-short", "worker-long", "nats")
    for member in [member for role in roles for member in fleet.with_role(role)]:
        begun, before = time.monotonic(), rolled.requests
        await member.roll()
        await until(partial(_listens, member), every_s=0.02)
        rolled.restarts[member.spec.name] = time.monotonic() - begun
        # A process is restarted under load, not between two requests.
        while rolled.requests < before + 50:
            await asyncio.sleep(0.05)


def _listens(member: Member) -> bool:
    """Doors share their port: what is ready there may be another one."""
    return member.spec.role != "ingress" or member.log().count('"listening"') == member.starts


async def _load(
    client: openai.AsyncOpenAI,
    asks: Sequence[Ask],
    expected: dict[int, Said],
    rate: float,
    rolled: Rolled,
    done: asyncio.Event,
) -> None:
    """Until `done`; requests on their way are answered first."""
    async with asyncio.TaskGroup() as group:
        for ask in itertools.takewhile(lambda _: not done.is_set(), itertools.cycle(asks)):
            group.create_task(_one(client, ask, expected[ask.number], rolled))
            await asyncio.sleep(1 / rate)


async def _one(client: openai.AsyncOpenAI, ask: Ask, wanted: Said, rolled: Rolled) -> None:
    rolled.requests += 1
    began = time.monotonic()
    try:
        said = await ask_once(client, ask)
    except (openai.APIError, httpx2.TransportError) as error:
        rolled.errors.append(f"{ask.number} {ask.fields} after {time.monotonic() - began:.1f} s: {error!r}")
        return
    if said != wanted:
        rolled.errors.append(f"{ask.number} after {time.monotonic() - began:.1f} s: {said} instead of {wanted}")
