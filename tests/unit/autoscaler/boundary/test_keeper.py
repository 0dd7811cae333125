"""Boundaries on the bus: learned from usage, written with a reason, taken up again, deleted where they are fixed."""

import random

import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.support.waiting import until
from tests.unit.autoscaler.test_service import context_on
from tests.unit.fleet.boundary.traffics import long_heavy
from tokenlane.v1.lane_pb2 import Boundaries, LaneProfile
from tokenlane.v1.lane_pb2 import LaneUpper as Upper
from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane_autoscaler.boundary.shell import BoundaryKeeper
from tokenlane_autoscaler.lanes import Lanes
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.service import Context
from tokenlane_proto import codec, topology

MODEL = "m/x.y"
KEY = topology.model_key(MODEL)
WRONG = Boundaries(lanes=[Upper(lane="short", upper_tokens=65_536), Upper(lane="long")], decided_unix_ms=1)


class Clock:
    """Milliseconds that a test moves."""

    def __init__(self) -> None:
        self.ms = 1_000_000_000

    def __call__(self) -> int:
        return self.ms


class Rig:
    """A keeper whose looks are taken by hand."""

    def __init__(self, bus: Bus, clock: Clock, settings: AutoscalerSettings | None = None) -> None:
        context = context_on(bus)
        context = Context(
            settings or AutoscalerSettings(replica_tokens_per_s=11_000),
            bus,
            structlog.get_logger(),
            CollectorRegistry(),
            context.tracing,
            context.stopping,
        )
        self.bus, self.clock, self.registry = bus, clock, context.registry
        self.lanes = Lanes(context.log)
        self.keeper = BoundaryKeeper(context, self.lanes, {}, clock)

    async def follow(self) -> "Rig":
        for lane in ("short", "long"):
            profile = LaneProfile(lane=lane, model=MODEL, max_model_len=131_072, elastic=True)
            await self.bus.put(topology.LANE_BUCKET, topology.lane_key(lane, MODEL), profile.SerializeToString())
        await self.bus.watch(topology.LANE_BUCKET, self.lanes.profile_changed)
        await self.bus.watch(topology.BOUNDARY_BUCKET, self.keeper.changed)
        return self

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.ms += 5_000
            await self.keeper.look()

    def boundary(self, lane: str) -> float | None:
        return self.registry.get_sample_value("tokenlane_boundary_tokens", {"lane": lane, "model": MODEL})


def event(prompt: int, output: int, accepted_unix_ms: int) -> bytes:
    return UsageEvent(
        model=MODEL,
        lane="long" if prompt > 4_096 else "short",
        usage=Usage(prompt_tokens=prompt, completion_tokens=output),
        accepted_unix_ms=accepted_unix_ms,
    ).SerializeToString()


def learn(rig: Rig, requests: int = 800) -> None:
    for prompt, output in long_heavy(requests, random.Random(1)):
        rig.clock.ms += 250
        rig.keeper.used(Message("usage.acme", event(prompt, output, rig.clock.ms), {}))


async def kept(bus: Bus) -> Boundaries | None:
    value = await bus.get(topology.BOUNDARY_BUCKET, KEY)
    return None if value is None else codec.decode_boundaries(value)


async def test_a_wrong_boundary_is_moved_written_logged_and_counted(bus: Bus) -> None:
    await bus.put(topology.BOUNDARY_BUCKET, KEY, WRONG.SerializeToString())
    rig = await Rig(bus, Clock()).follow()
    learn(rig)
    with capture_logs() as logs:
        await rig.look(6)
    found = await kept(bus)
    assert found is not None
    assert [lane.lane for lane in found.lanes] == ["short", "long"]
    assert 4_096 <= found.lanes[0].upper_tokens < 65_536
    assert found.lanes[1].upper_tokens == 0
    assert "where it was" in found.reason
    assert found.decided_unix_ms > 1
    (moved,) = [line for line in logs if line["event"] == "boundaries moved"]
    assert moved["reason"] == found.reason
    assert moved["before"] == "short:65536,long"
    assert rig.boundary("short") == found.lanes[0].upper_tokens
    assert rig.boundary("long") == 131_072
    assert rig.registry.get_sample_value("tokenlane_boundary_changes_total", {"model": MODEL}) == 1


async def test_it_says_once_why_nothing_changes(bus: Bus) -> None:
    rig = await Rig(bus, Clock()).follow()
    with capture_logs() as logs:
        await rig.look(5)
    (line,) = [line for line in logs if line["event"] == "boundaries kept"]
    assert line["reason"] == "fewer than 200 requests known"
    assert line["lanes"] == "short:8192,long"
    assert await kept(bus) is None
    assert rig.boundary("short") == 8_192


async def test_a_restart_goes_on_where_it_was_and_knows_the_traffic() -> None:
    bus, clock = FakeBus(), Clock()
    decided = Boundaries(lanes=WRONG.lanes, decided_unix_ms=clock.ms)
    await bus.put(topology.BOUNDARY_BUCKET, KEY, decided.SerializeToString())
    rig = await Rig(bus, clock).follow()
    learn(rig, 1)
    assert rig.keeper._followers.of(MODEL).current.decided_s == decided.decided_unix_ms / 1e3
    for prompt, output in long_heavy(400, random.Random(1)):
        clock.ms += 250
        await bus.publish_durable("usage.acme", event(prompt, output, clock.ms))
    await rig.keeper.warm_up(300, 10_000)
    with capture_logs() as logs:
        await rig.look(5)
    assert [line["reason"] for line in logs if line["event"] == "boundaries kept"][-1].startswith("the last change")


async def test_another_s_decision_is_taken_up_and_a_deleted_one_is_forgotten(bus: Bus) -> None:
    rig = await Rig(bus, Clock()).follow()
    await rig.look()
    by_hand = Boundaries(lanes=[Upper(lane="long")], reason="by hand", decided_unix_ms=rig.clock.ms)
    await bus.put(topology.BOUNDARY_BUCKET, KEY, by_hand.SerializeToString())

    async def taken_up() -> bool:
        await rig.keeper.look()
        return rig.boundary("short") == 0

    await until(taken_up)
    await bus.put(topology.BOUNDARY_BUCKET, KEY, b"\xff")
    await bus.put(topology.BOUNDARY_BUCKET, KEY, Boundaries().SerializeToString())
    await bus.delete(topology.BOUNDARY_BUCKET, KEY)

    async def forgotten() -> bool:
        await rig.keeper.look()
        return rig.boundary("short") == 8_192

    await until(forgotten)


async def test_fixed_boundaries_are_never_written_and_old_ones_deleted(bus: Bus) -> None:
    await bus.put(topology.BOUNDARY_BUCKET, KEY, WRONG.SerializeToString())
    rig = await Rig(bus, Clock(), AutoscalerSettings(boundary="fixed")).follow()
    learn(rig)
    await rig.look(6)
    assert await kept(bus) is None


async def test_what_could_not_be_written_is_decided_again() -> None:
    class Away(FakeBus):
        away = False

        async def put(self, bucket: str, key: str, value: bytes) -> None:
            if self.away:
                raise BusUnavailableError("away")
            await super().put(bucket, key, value)

    bus = Away()
    await bus.put(topology.BOUNDARY_BUCKET, KEY, WRONG.SerializeToString())
    rig = await Rig(bus, Clock()).follow()
    learn(rig)
    bus.away = True
    with capture_logs() as logs:
        await rig.look(8)
    assert any(line["event"] == "boundaries not written" for line in logs)
    bus.away = False
    await rig.look(8)
    found = await kept(bus)
    assert found is not None
    assert found.lanes[0].upper_tokens < 65_536


async def test_events_of_unknown_models_and_unreadable_ones_are_ignored() -> None:
    rig = await Rig(FakeBus(), Clock()).follow()
    other = UsageEvent(model="other", lane="short", usage=Usage(prompt_tokens=9))
    for data in (b"\xff", other.SerializeToString(), UsageEvent(model=MODEL).SerializeToString()):
        rig.keeper.used(Message("usage.acme", data, {}))
    assert rig.keeper._followers._followers == {}
