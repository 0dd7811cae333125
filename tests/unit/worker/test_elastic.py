"""Idle workers take what waits in other lanes and fits their engines, on either bus."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator

import pytest

from tests.support.waiting import until
from tests.unit.worker.lanes import LONG, SHORT, House
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_proto import codec
from tokenlane_worker import pulls
from tokenlane_worker.credit import Capacity
from tokenlane_worker.pulling import Queue


@pytest.fixture
async def house(bus: Bus) -> AsyncIterator[House]:
    house = House(bus)
    await house.lane("short", SHORT)
    await house.lane("long", LONG)
    yield house
    await house.close()


async def test_a_lane_without_workers_is_served_by_another(house: House) -> None:
    usage: asyncio.Queue[Message] = asyncio.Queue()
    replies: asyncio.Queue[Message] = asyncio.Queue()
    await house.bus.subscribe("usage.acme", usage.put_nowait)
    await house.bus.subscribe("replies.acme.>", replies.put_nowait)
    await house.worker("long", largest=LONG)
    await house.send("r1", "short", "short")
    await house.calls("long", 1)
    await house.engines["long"].let_go()
    frame = codec.decode_frame((await asyncio.wait_for(replies.get(), 5)).data)
    assert frame.head.lane == "short", "what it was budgeted for"
    event = codec.decode_usage((await asyncio.wait_for(usage.get(), 5)).data)
    assert (event.lane, event.classification.lane) == ("long", "short")


async def test_an_own_worker_that_is_free_goes_first(house: House) -> None:
    await house.worker("long", largest=LONG)
    await house.worker("short", largest=SHORT)
    # The long one's pulls are parked, too.
    long = house.workers["long"]._pulls
    await until(lambda: all(long.target(queue) for queue in long._sources), 5, 0.001)
    await house.bus.flush()
    for number in range(4):
        await house.send(f"r{number}", "short", "short")
        await house.calls("short", number + 1)
    assert not house.engines["long"].calls


async def test_what_an_own_worker_has_no_room_for_is_taken(house: House) -> None:
    await house.worker("short", largest=SHORT)
    await house.worker("long", largest=LONG)
    for number in range(10):
        await house.send(f"r{number}", "short", "short", tokens=SHORT)
    taken = [*await house.calls("short", 4), *await house.calls("long", 6)]
    assert sorted(taken) == [f"r{number}" for number in range(10)]


async def test_nothing_is_taken_that_does_not_fit(house: House) -> None:
    await house.worker("short", largest=SHORT)
    await house.send("large", "long", "long", tokens=LONG)
    await house.send("small", "long", "short")
    assert await house.calls("short", 1) == ["small"]
    await house.engines["short"].let_go()
    await until(lambda: waits(house, ["large"]), 5, 0.001)
    await settle()
    assert house.engines["short"].calls == [b"small"]


async def test_a_lane_whose_engines_grow_is_let_be(house: House) -> None:
    await house.worker("short", largest=SHORT)
    await house.send("r1", "long", "short")
    await house.calls("short", 1)
    await house.lane("short", 2 * SHORT)
    await until(lambda: Queue("long", "short") not in house.workers["short"]._pulls._sources, 5, 0.001)
    for number in range(3):
        await house.send(f"more{number}", "long", "short")
    await settle()
    assert len(house.engines["short"].calls) <= 2, "what was parked before may still come"


async def test_a_strict_worker_takes_nothing_of_others(house: House) -> None:
    await house.worker("long", largest=LONG, elastic=False)
    await house.send("r1", "short", "short")
    await house.send("r2", "long", "short")
    assert await house.calls("long", 1) == ["r2"]
    await settle()
    assert house.engines["long"].calls == [b"r2"]


async def test_its_own_come_first(house: House) -> None:
    engine = await house.worker("long", largest=LONG, capacity=Capacity(4 * LONG, 1, LONG))
    await house.send("first", "long", "long")
    await house.calls("long", 1)
    for number in range(3):
        await house.send(f"short{number}", "short", "short")
        await house.send(f"own{number}", "long", "short" if number % 2 else "long")
    for number in range(1, 7):
        await engine.let_go(engine.running[0])
        calls = await house.calls("long", number + 1)
    assert sorted(calls[1:4]) == ["own0", "own1", "own2"]
    assert calls[4:] == ["short0", "short1", "short2"]


async def test_a_lane_that_comes_later_is_known_at_once(house: House) -> None:
    await house.worker("long", largest=LONG)
    await house.send("r1", "tiny", "tiny")
    await house.send("r2", "long", "tiny")
    await house.lane("tiny", 100)
    assert sorted(await house.calls("long", 2)) == ["r1", "r2"]


async def test_what_waits_for_a_lane_that_is_gone_is_run(house: House) -> None:
    await house.send("r1", "long", "gone")
    await house.worker("long", largest=LONG, elastic=False)
    assert await house.calls("long", 1) == ["r1"]
    # Of another lane nobody knows whether it fits.
    await house.send("r2", "short", "gone")
    await settle()
    assert house.engines["long"].calls == [b"r1"]


async def test_room_is_left_for_its_own(house: House) -> None:
    await house.worker("long", largest=LONG)
    for number in range(20):
        await house.send(f"r{number}", "short", "short", tokens=SHORT)
    await house.calls("long", 7)
    await settle()
    assert len(house.engines["long"].calls) == 7, "of eight sequences"
    await house.send("own", "long", "long")
    await until(lambda: house.engines["long"].calls[-1] == b"own", 5, 0.001)


async def test_others_are_helped_as_long_as_what_they_usually_ask_for_fits(house: House) -> None:
    await house.worker("long", largest=LONG, capacity=Capacity(2 * LONG, 32, LONG))
    for number in range(20):
        await house.send(f"r{number}", "short", "short", tokens=105)
    assert len(await house.calls("long", 20)) == 20, "the longest would not fit beside so many"


async def test_one_engine_serves_two_lanes_by_priority(house: House) -> None:
    engine = await house.worker("short", "long", largest=LONG, capacity=Capacity(4 * LONG, 8, LONG))
    body = {"model": "m", "messages": [], "priority": -7}
    for lane in ("short", "long"):
        await house.send(lane, lane, "short", body=json.dumps(body).encode())
    await until(lambda: len(engine.calls) == 2, 5, 0.001)
    assert sorted(json.loads(call)["priority"] for call in engine.calls) == [0, 1]
    assert all(call.startswith(json.dumps(body)[:-1].encode()) for call in engine.calls)


async def test_an_urgent_lane_does_not_wait_behind_another(house: House) -> None:
    await house.worker("short", "long", largest=LONG, capacity=Capacity(2 * LONG, 8, LONG))
    await house.send("long0", "long", "long", tokens=LONG)
    await house.calls("short", 1)
    await house.send("long1", "long", "long", tokens=LONG)
    await house.send("long2", "long", "long", tokens=LONG)
    engine = house.engines["short"]
    for name in (b"short0", b"short1", b"short2"):
        await house.send(name.decode(), "short", "short")
        await until(functools.partial(engine.calls.__contains__, name), 5, 0.001)
    assert not {b"long1", b"long2"} & set(engine.calls)


async def test_prompts_that_are_not_computed_yet_are_few(house: House) -> None:
    engine = await house.worker("long", largest=LONG, prefill_cap=400)
    engine.streams = True
    for number in range(8):
        await house.send(f"r{number}", "long", "long", tokens=400, stream=True)
    first = await house.calls("long", 2)
    await settle()
    assert len(engine.calls) <= 4, "four pulls may be parked"
    for name in first:
        await engine.let_go(name.encode())
    assert len(await house.calls("long", 3)) <= 5


async def test_what_is_held_of_others_goes_back_when_its_own_come() -> None:
    bus = FakeBus()
    house = House(bus)
    await house.lane("short", SHORT)
    await house.worker("long", largest=LONG)
    worker = house.workers["long"]
    for number in range(7):
        await house.send(f"own{number}", "long", "long", tokens=LONG // 2)
    await house.calls("long", 7)
    # As if its pull had been parked before.
    other = next(puller for puller in bus._pullers if puller.consumer.filter_subject == "lanes.short.short.m.>")
    other.target = lambda: int(len(bus.deliveries) < 8)
    await house.send("borrowed", "short", "short", tokens=SHORT)
    await until(lambda: len(worker._jobs.held) == 1, 5)
    await house.send("last", "long", "long", tokens=100)
    await until(lambda: [each.settled for each in bus.deliveries] == [*[""] * 7, "nak", ""], 5)
    assert await house.calls("long", 8) == [*(f"own{number}" for number in range(7)), "last"]
    await house.close()


async def settle() -> None:
    """Long enough for any pull to be asked and answered."""
    await asyncio.sleep(3 * pulls.GRACE_S)


async def waits(house: House, expected: list[str]) -> bool:
    return await house.waiting() == expected
