"""What replicas know, together and after a restart, on the in-memory bus and on a real nats-server."""

import json

import pytest
import structlog

from tests.support.nats_server import NatsServer
from tests.support.waiting import until
from tests.unit.classifier.conftest import MODEL, register_lanes, serving
from tests.unit.classifier.test_service import answer, classified
from tokenlane.v1.request_pb2 import Request
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.connection import connect
from tokenlane_chassis.nats_bus import NatsBus
from tokenlane_chassis.service import Context
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_classifier.estimate.route import route_of
from tokenlane_classifier.estimate.shared import decode
from tokenlane_classifier.service import estimates_of
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_proto import topology

TEXT = {"model": MODEL, "messages": [{"role": "user", "content": "many a word " * 500}]}
BODY = json.dumps(TEXT).encode()
# Every piece comes round some ten times a second.
OFTEN = ClassifierSettings(estimates_interval_s=0.1)
NEVER = ClassifierSettings(estimates_interval_s=3_600)


def counted(context: Context[ClassifierSettings], name: str, **labels: str) -> float:
    return context.registry.get_sample_value(f"tokenlane_{name}", labels) or 0


async def taught(bus: Bus, contexts: list[Context[ClassifierSettings]], answers: int = 60) -> Request:
    """Each replica has learned that such a prompt takes 3,000 tokens and its output 100."""
    first = await classified(bus, BODY)
    for number in range(answers):
        bus.post("usage.acme", answer(number, first, 3_000, 100))
    kind = {"category": first.classification.category, "le": "+Inf"}
    name = "prompt_estimate_relative_error_bucket"
    await until(lambda: all(counted(context, name, **kind) == answers for context in contexts))
    return first


def knows(request: Request) -> bool:
    given = request.classification
    return given.prompt_tokens == pytest.approx(3_000, rel=0.05) and 100 <= given.output_tokens < 200


async def forget_usage(bus: Bus) -> None:
    await bus.purge(topology.USAGE, topology.ALL_USAGE)


async def kept(bus: Bus, request: Request, answers: int = 60) -> None:
    """All that was taught is in the bucket."""

    async def is_kept() -> bool:
        estimates = estimates_of(NEVER)
        for shard in estimates.shards():
            value = await bus.get(topology.ESTIMATE_BUCKET, shard.key)
            if value is None:
                return False
            shard.absorb(decode(value).data)
        route = route_of("acme", request.endpoint, request.facts)
        output = estimates.output.estimate(route, 3_000, unix_ms())
        prompt = estimates.prompt.ratio(MODEL, request.classification.category)
        return prompt.observations >= answers and 100 <= output.tokens < 200

    await until(is_kept, every_s=0.02)


async def test_what_was_learned_outlives_a_restart_by_its_snapshots(bus: Bus) -> None:
    async with serving(bus, OFTEN) as context:
        first = await taught(bus, [context])
        learned = await classified(bus, BODY)
        await kept(bus, first)
    assert not knows(first)
    await forget_usage(bus)
    async with serving(bus, NEVER) as context:
        again = await classified(bus, BODY)
    assert knows(learned)
    assert again.classification.prompt_tokens == learned.classification.prompt_tokens
    assert knows(again)


async def test_what_was_learned_outlives_a_restart_by_the_stream_of_usage(bus: Bus) -> None:
    async with serving(bus, NEVER) as context:
        await taught(bus, [context])
    async with serving(bus, NEVER):
        assert knows(await classified(bus, BODY))


async def test_two_replicas_agree(bus: Bus) -> None:
    async with serving(bus, OFTEN) as one, serving(bus, OFTEN) as other:
        await taught(bus, [one, other])
        found = [await classified(bus, BODY) for _ in range(6)]
        taken = [counted(each, "classified_requests_total", lane="short", model=MODEL) for each in (one, other)]
    assert sum(taken) == 7
    assert all(knows(request) for request in found)


async def test_a_replica_learns_from_anothers_snapshots_what_it_did_not_hear(bus: Bus) -> None:
    async with serving(bus, OFTEN) as one:
        await kept(bus, await taught(bus, [one]))
    await forget_usage(bus)
    async with serving(bus, OFTEN) as cold:
        assert knows(await classified(bus, BODY))
        assert counted(cold, "estimates_shared_total", outcome="absorbed") > 0


async def test_what_two_replicas_share_survives_a_cold_third(bus: Bus) -> None:
    async with serving(bus, OFTEN) as one:
        first = await taught(bus, [one])
        async with serving(bus, OFTEN) as cold:
            for number in range(3):
                bus.post("usage.acme", answer(1_000 + number, first, 3_000, 100))
            await until(lambda: counted(cold, "estimates_shared_total", outcome="written") > 0)
            await kept(bus, first, 63)
    await forget_usage(bus)
    async with serving(bus, NEVER):
        assert knows(await classified(bus, BODY))


async def connected(server: NatsServer) -> NatsBus:
    return await connect(ServiceSettings(nats_url=server.url), "test", structlog.get_logger(), lambda: None)


async def test_what_was_said_while_the_broker_restarted_is_learned() -> None:
    with NatsServer() as server:
        bus = await connected(server)
        await register_lanes(bus)
        async with serving(bus, OFTEN):
            first = await classified(bus, BODY)
            server.kill_and_restart()
            other = await connected(server)
            for number in range(60):
                await other.publish_durable("usage.acme", answer(number, first, 3_000, 100))
            await other.close()
            await kept(bus, first)
            assert knows(await classified(bus, BODY))
        await bus.close()
