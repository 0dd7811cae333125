"""With lanes: the same engines as a short and a long worker of tokenlane, behind its door, bus and classifier."""

from collections.abc import Iterable, Mapping

import structlog

from bench.lanes.engines import MODEL, Engine, Engines
from bench.lanes.load import Round, client_of, measure_round, send
from bench.lanes.mix import BOUNDARY_TOKENS, mix
from tests.support.fleet import LANES, Fleet, FleetConfig, api_key
from tests.support.waiting import until
from tokenlane_chassis.bus import Message
from tokenlane_chassis.connection import BusOptions, connect
from tokenlane_proto import codec
from tokenlane_worker.lane import Lane
from tokenlane_worker_long.lane import LANE as LONG
from tokenlane_worker_short.lane import LANE as SHORT

_TENANT = "bench"
_WARM_UP_SEED = 0


async def with_lanes(seeds: Iterable[int], settings: Mapping[str, str], simulated: bool) -> list[Round]:
    """A round for each seed. `settings` of the workers, without their prefix."""
    with Engines(_arguments(SHORT), _arguments(LONG), simulated=simulated) as engines:
        config = FleetConfig(
            ingresses=1,
            workers=1,
            boundary_tokens=BOUNDARY_TOKENS,
            tenants=(_TENANT,),
            engine={"ENGINE": "url", "SERVED_MODEL_NAME": MODEL, **settings},
            lane_engine={lane: {"ENGINE_URL": engine.url} for lane, engine in zip(LANES, engines, strict=True)},
        )
        async with Fleet(config) as fleet:
            return await _rounds(fleet, engines, seeds)


async def _rounds(fleet: Fleet, engines: list[Engine], seeds: Iterable[int]) -> list[Round]:
    ran_on: dict[str, int] = {}

    def told(message: Message) -> None:
        event = codec.decode_usage(message.data)
        ran_on[event.request_id] = LANES.index(event.lane)

    bus = await connect(BusOptions(nats_url=fleet.nats_url), "bench", structlog.get_logger(), lambda: None)
    await bus.subscribe("usage.*", told)
    client = client_of(fleet.urls[0], api_key(_TENANT))
    # What a prompt takes, and what requests of a lane take, is learned from answers.
    await send(mix(_WARM_UP_SEED), [client], engines)
    rounds = []
    for seed in seeds:
        asked = mix(seed)
        answered, steps, counters = await measure_round(asked, [client], engines)
        await until(lambda: all(each.name in ran_on for each in asked), 10, 0.01)  # noqa: B023
        rounds.append(Round(answered, dict(ran_on), steps, counters, lanes=True))
    client.close()
    await bus.close()
    return rounds


def _arguments(lane: Lane) -> tuple[str, ...]:
    """What a worker of the lane starts its engine with."""
    return (
        *("--max-num-seqs", str(lane.max_num_seqs)),
        *("--max-num-batched-tokens", str(lane.max_num_batched_tokens)),
    )
