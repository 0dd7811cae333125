"""Requests that outgrow the short lane's context, all of them, through real processes of which workers are killed."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nats

from tests.chaos.audit import audit, keep_every_result
from tests.chaos.expected import undisturbed
from tests.chaos.kills import Killer
from tests.chaos.report import Report, make_report
from tests.chaos.storm import STORM, Storm, send
from tests.chaos.workload import CHAT, COMPLETIONS, Ask, Mix, Via
from tests.support.fleet import MODEL, PACED, Fleet, FleetConfig
from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_proto import codec, subjects, topology

# Of the short lane's engines. Unit: tokens.
CONTEXT = 96
_WORKERS = ("worker-short", "worker-long")
_KILLS = 5
FLEET = FleetConfig(
    ingresses=1,
    engine={**PACED, "SIM_SPEED": "2"},
    lane_engine={"short": {"ENGINE_MAX_MODEL_LEN": str(CONTEXT)}, "long": {"ENGINE_MAX_MODEL_LEN": "4096"}},
    settings={"ISOLATION": "strict"},
    classifier="tests.chaos.always_short",
)
OVERRUNS = Storm(
    title="overruns",
    requests=1_000,
    calm=0,
    rate=100,
    kill_every_s=2,
    at_least_kills=3,
    mix=Mix(60, 20, 20),
    fleet=FLEET,
)


@dataclass(slots=True)
class Moves:
    """`told`: requests of which a usage event was kept. `not_moved`: those of them that were not moved."""

    report: Report
    told: int = 0
    not_moved: list[str] = field(default_factory=list)


def make_asks(storm: Storm) -> list[Ask]:
    """Requests whose answers are longer than the short lane's context leaves room for."""
    source = random.Random(storm.seed)
    weights = (storm.mix.http, storm.mix.openai, storm.mix.bus)
    clients = source.choices([Via.HTTP, Via.OPENAI, Via.BUS], weights, k=storm.requests)
    return [_ask(number, via, random.Random(source.random())) for number, via in enumerate(clients)]


def _ask(number: int, via: Via, source: random.Random) -> Ask:
    limited = source.random() < 0.5
    chat = not limited or source.random() < 0.5
    text = f"Overrun {number}. Tell me of the harbour, the river and the lighthouse, in as many words as you like."
    fields: dict[str, Any] = {"model": MODEL}
    fields |= {"messages": [{"role": "user", "content": text}]} if chat else {"prompt": text}
    if limited:
        fields |= {"max_tokens": source.randint(CONTEXT - 8, CONTEXT), "ignore_eos": True}
    else:
        fields |= {"min_tokens": source.randint(CONTEXT, 2 * CONTEXT)}
    fields |= _shape(source, chat)
    return Ask(number, via, CHAT if chat else COMPLETIONS, fields, f"{STORM}-{number}")


def _shape(source: random.Random, chat: bool) -> dict[str, Any]:
    drawn = source.random()
    if drawn < 0.15:
        return {}
    streamed: dict[str, Any] = {"stream": True}
    if source.random() < 0.5:
        streamed["stream_options"] = {"include_usage": True}
    if drawn < 0.25:
        # Can only be made again and compared.
        return streamed | {"logprobs": True if chat else 1, "seed": 7}
    return streamed | ({"stop": ["harbour is"]} if drawn < 0.35 else {})


async def overruns(storm: Storm = OVERRUNS) -> Moves:
    """Send them while workers are killed, and hold every answer against the undisturbed one."""
    asks = make_asks(storm)
    expected = await undisturbed(asks)
    async with Fleet(storm.fleet) as fleet:
        await keep_every_result(fleet.nats_url, storm.fleet.brokers)
        killer = Killer(fleet, storm.kill_every_s, storm.seed, _WORKERS, _KILLS)
        began = time.monotonic()
        traffic, seen = await send(fleet, asks, storm, STORM, killer)
        found = await audit(fleet.nats_url, STORM, asks, expected)
        moves = Moves(
            make_report(
                storm.title,
                began,
                seen,
                expected,
                found,
                kills=killer.by_role(),
                crashes=fleet.crashes(),
                longest_silence_s=traffic.longest_silence,
                undisturbed=None,
                kill_log=killer.kills,
            )
        )
        told = await _usages(fleet.nats_url)
    moves.told = len(told)
    moves.not_moved = [request_id for request_id, event in told.items() if not event.moved]
    return moves


async def _usages(nats_url: str) -> Mapping[str, UsageEvent]:
    client = await nats.connect(nats_url)
    try:
        context = client.jetstream(timeout=10)
        count = (await context.stream_info(topology.USAGE)).state.messages
        heard = await context.subscribe(subjects.usage(STORM), ordered_consumer=True)
        events = [codec.decode_usage((await heard.next_msg(20)).data) for _ in range(count)]
    finally:
        await client.close()
    return {event.request_id: event for event in events}
