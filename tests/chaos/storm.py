"""The bar: requests under kills, and the same kind of requests before them, undisturbed."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.audit import audit, keep_every_result
from tests.chaos.bus_client import BusClient
from tests.chaos.expected import undisturbed
from tests.chaos.http_client import HttpClient
from tests.chaos.kills import ClusterKiller, Killer
from tests.chaos.openai_client import OpenAIClient
from tests.chaos.report import Latency, Report, compared, latency, make_report
from tests.chaos.seen import Seen
from tests.chaos.traffic import Asker, Traffic
from tests.chaos.workload import Ask, Mix, Via, make_asks
from tests.support.fleet import Fleet, FleetConfig

CALM, STORM = "calm", "storm"


@dataclass(frozen=True, slots=True)
class Storm:
    """What to do. `rate` in requests a second; `kill_every_s` on average; `calm` requests are sent first, without
    kills, for the figures to compare with."""

    title: str = "storm"
    requests: int = 10_000
    calm: int = 1_000
    rate: float = 75
    kill_every_s: float = 3.5
    at_least_kills: int = 30
    seed: int = 1
    mix: Mix = field(default_factory=Mix)
    fleet: FleetConfig = field(default_factory=FleetConfig)


async def weather(storm: Storm, directory: Path | None = None) -> Report:
    """Run it. `directory` keeps the logs."""
    asks = make_asks(storm.requests, storm.seed, STORM, storm.mix)
    expected = await undisturbed(asks)
    async with Fleet(storm.fleet, directory) as fleet:
        await keep_every_result(fleet.nats_url, storm.fleet.brokers)
        before = await _calm(fleet, storm) if storm.calm else None
        kind = ClusterKiller if storm.fleet.brokers > 1 else Killer
        killer = kind(fleet, storm.kill_every_s, storm.seed)
        began = time.monotonic()
        traffic, seen = await send(fleet, asks, storm, STORM, killer)
        await fleet.ready()
        found = await audit(fleet.nats_url, STORM, asks, expected)
        return make_report(
            storm.title,
            began,
            seen,
            expected,
            found,
            kills=killer.by_role(),
            crashes=fleet.crashes(),
            longest_silence_s=traffic.longest_silence,
            undisturbed=before,
            kill_log=killer.kills,
        )


async def _calm(fleet: Fleet, storm: Storm) -> Latency:
    """The clients' times without kills. Raises AssertionError where an answer is not the expected one."""
    asks = make_asks(storm.calm, storm.seed + 1, CALM, storm.mix)
    _, seen = await send(fleet, asks, storm, CALM, None)
    wrong = compared(seen, await undisturbed(asks)) + [one.error for one in seen if one.said is None]
    wrong += [fault for one in seen for fault in one.faults]
    if wrong:
        raise AssertionError(f"{len(wrong)} answers are wrong without any kill, the first: {wrong[0][:600]}")
    return latency(seen)


async def send(
    fleet: Fleet, asks: Sequence[Ask], storm: Storm, tenant: str, killer: Killer | None
) -> tuple[Traffic, list[Seen]]:
    """Send requests, each by its client, while the killer kills; what the clients have seen."""
    clients: dict[Via, Asker] = {
        Via.HTTP: HttpClient(fleet.urls, tenant, storm.seed),
        Via.OPENAI: OpenAIClient(fleet.urls, tenant, storm.seed),
        Via.BUS: await BusClient.connect(fleet.nats_url, tenant, storm.seed),
    }
    traffic = Traffic(clients, asks, storm.rate)
    killing = asyncio.create_task(killer.run()) if killer is not None else None
    try:
        return traffic, await traffic.run()
    finally:
        if killing is not None:
            killing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await killing
        for client in clients.values():
            await client.close()
