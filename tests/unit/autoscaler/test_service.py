"""The whole autoscaler, on the in-memory bus and on a real nats-server."""

import asyncio

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from tokenlane.v1.lane_pb2 import DesiredReplicas, LaneProfile
from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_autoscaler.autoscaler import Autoscaler
from tokenlane_autoscaler.lanes import Lanes
from tokenlane_autoscaler.metrics import Metrics
from tokenlane_autoscaler.service import serve
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_chassis.bus import Bus, Delivery
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.service import Context
from tokenlane_chassis.settings import load
from tokenlane_chassis.tracing import Tracing
from tokenlane_proto import codec, subjects, topology

MODEL = "m/x.y"
KEY = topology.lane_key("short", MODEL)
PROFILE = LaneProfile(
    lane="short", model=MODEL, max_model_len=8_192, kv_capacity_tokens=100_000, max_num_seqs=128
).SerializeToString()
SETTINGS = AutoscalerSettings(
    interval_s=0.02, window_s=1, target_drain_s=10, cooldown_s=60, replica_tokens_per_s=100, min_replicas=0
)


def context_on(bus: Bus) -> Context[AutoscalerSettings]:
    return Context(
        SETTINGS,
        bus,
        structlog.get_logger(),
        CollectorRegistry(),
        Tracing("autoscaler", None),
        asyncio.Event(),
    )


async def wanted(bus: Bus) -> DesiredReplicas | None:
    value = await bus.get(topology.SCALE_BUCKET, KEY)
    return None if value is None else codec.decode_desired_replicas(value)


async def queue(bus: Bus, requests: int, tokens: int) -> None:
    for _ in range(requests):
        await bus.publish_durable(subjects.lane("short", "short", MODEL, "acme", tokens), b"")


async def test_backlog_becomes_replicas_and_metrics(bus: Bus) -> None:
    context = context_on(bus)
    await bus.put(topology.LANE_BUCKET, KEY, PROFILE)
    await queue(bus, requests=3, tokens=1_024)
    service = asyncio.create_task(serve(context))

    async def scaled() -> bool:
        found = await wanted(bus)
        return found is not None and found.replicas == 4

    await until(scaled)
    found = await wanted(bus)
    assert found is not None
    assert "3072 tokens wait" in found.reason
    assert found.decided_unix_ms > 0
    context.stopping.set()
    await asyncio.wait_for(service, 5)
    labels = {"lane": "short", "model": MODEL}
    assert context.registry.get_sample_value("tokenlane_backlog_tokens", labels) == 3_072
    assert context.registry.get_sample_value("tokenlane_desired_replicas", labels) == 4
    assert context.registry.get_sample_value("tokenlane_replica_tokens_per_second", labels) == 100


async def test_a_lane_scaled_to_zero_gets_a_worker_with_its_first_request(bus: Bus) -> None:
    context = context_on(bus)
    await bus.put(topology.LANE_BUCKET, KEY, PROFILE)
    await bus.put(topology.SCALE_BUCKET, KEY, DesiredReplicas(replicas=0).SerializeToString())
    service = asyncio.create_task(serve(context))
    await queue(bus, requests=1, tokens=16)

    async def woken() -> bool:
        found = await wanted(bus)
        return found is not None and found.replicas == 1

    await until(woken)
    context.stopping.set()
    await asyncio.wait_for(service, 5)


async def test_what_runs_is_unfinished_but_does_not_wait(bus: Bus) -> None:
    autoscaler, lanes, registry = await followed(bus)
    taken: asyncio.Queue[Delivery] = asyncio.Queue()
    puller = await bus.pull(
        topology.lane_consumer("short", "short", MODEL), taken.put_nowait, lambda: 3 - taken.qsize()
    )
    await queue(bus, requests=3, tokens=1_024)

    async def all_taken() -> bool:
        return taken.qsize() == 3

    await until(all_taken)
    await autoscaler.look(0)
    labels = {"lane": "short", "model": MODEL}
    assert registry.get_sample_value("tokenlane_backlog_tokens", labels) == 3_072
    assert registry.get_sample_value("tokenlane_waiting_tokens", labels) == 0
    assert lanes.wanted[KEY].replicas == 1
    await puller.stop()


async def test_an_idle_lane_is_let_go_and_said_once(bus: Bus) -> None:
    autoscaler, _, _ = await followed(bus)
    written: list[int] = []
    watch = await bus.watch(
        topology.SCALE_BUCKET,
        lambda _, value: written.append(codec.decode_desired_replicas(value or b"").replicas),
    )
    for now_s in range(0, 600, 5):
        await autoscaler.look(now_s)

    async def said() -> bool:
        return written == [1, 0]

    await until(said)
    await watch.unsubscribe()


async def test_usage_raises_what_a_replica_is_known_to_do(bus: Bus) -> None:
    autoscaler, lanes, registry = await followed(bus)
    for now_s in (0.0, 0.5, 1.0):
        lanes.finished_tokens[KEY] = lanes.ran_tokens[KEY] = round(now_s * 4_000)
        await autoscaler.look(now_s)
    labels = {"lane": "short", "model": MODEL}
    assert registry.get_sample_value("tokenlane_finished_tokens_per_second", labels) == 4_000
    assert registry.get_sample_value("tokenlane_replica_tokens_per_second", labels) == 4_000


async def test_finished_requests_count_by_their_budget(bus: Bus) -> None:
    _, lanes, _ = await followed(bus)
    event = UsageEvent(lane="short", model=MODEL, estimated_prompt_tokens=900, budget_output_tokens=100)
    bus.post("usage.acme", event.SerializeToString())
    bus.post("usage.acme", b"\xff")
    event.lane = "unknown"
    bus.post("usage.acme", event.SerializeToString())

    async def counted() -> bool:
        return lanes.finished_tokens == {KEY: 1_024}

    await until(counted)


async def test_what_another_lane_ran_counts_for_the_lane_that_it_waited_in(bus: Bus) -> None:
    _, lanes, _ = await followed(bus)
    long = topology.lane_key("long", MODEL)
    lanes.profiles[long] = LaneProfile(lane="long", model=MODEL)
    event = UsageEvent(lane="long", model=MODEL, estimated_prompt_tokens=900, budget_output_tokens=100)
    event.classification.lane = "short"
    bus.post("usage.acme", event.SerializeToString())

    async def counted() -> bool:
        return (lanes.finished_tokens, lanes.ran_tokens) == ({KEY: 1_024}, {long: 1_024})

    await until(counted)


async def test_all_queues_of_a_lane_are_its_backlog(bus: Bus) -> None:
    autoscaler, _, registry = await followed(bus)
    taken: asyncio.Queue[Delivery] = asyncio.Queue()
    own = topology.lane_consumer("short", "short", MODEL)
    puller = await bus.pull(own, taken.put_nowait, lambda: 1 - taken.qsize())
    await queue(bus, requests=1, tokens=1_024)
    await asyncio.wait_for(taken.get(), 5)
    await bus.publish_durable(subjects.lane("short", "long", MODEL, "acme", 16_384), b"")
    await bus.publish_durable(subjects.lane("long", "long", MODEL, "acme", 32_768), b"")
    await autoscaler.look(0)
    labels = {"lane": "short", "model": MODEL}
    assert registry.get_sample_value("tokenlane_backlog_tokens", labels) == 1_024 + 16_384
    assert registry.get_sample_value("tokenlane_waiting_tokens", labels) == 16_384
    await puller.stop()


async def test_a_lane_that_cannot_be_read_stays_as_it_is() -> None:
    class Deaf(FakeBus):
        async def subject_counts(self, stream: str, subject_filter: str) -> dict[str, int]:
            raise BusUnavailableError("no answer")

    bus = Deaf()
    autoscaler, lanes, _ = await followed(bus)
    await autoscaler.look(0)
    assert not lanes.wanted


async def followed(bus: Bus) -> tuple[Autoscaler, Lanes, CollectorRegistry]:
    """An autoscaler whose looks are taken by hand."""
    context = context_on(bus)
    lanes = Lanes(context.log)
    await bus.put(topology.LANE_BUCKET, KEY, PROFILE)
    await bus.watch(topology.LANE_BUCKET, lanes.profile_changed)
    await bus.subscribe(topology.ALL_USAGE, lanes.used)
    await bus.flush()
    return Autoscaler(context, lanes, Metrics(context.registry), lambda: 1), lanes, context.registry


@pytest.mark.parametrize(("name", "value"), [("INTERVAL_S", "0"), ("MAX_REPLICAS", "0"), ("MIN_REPLICAS", "99")])
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(f"TOKENLANE_{name}", value)
    with pytest.raises(SystemExit):
        load(AutoscalerSettings)
    assert f"TOKENLANE_{name}" in capsys.readouterr().err
