"""A worker that gives back what requests share in its engine's prefix cache."""

import asyncio

from tests.support.waiting import until
from tests.unit.worker.rig import Rig, running
from tokenlane.v1.line_pb2 import Room
from tokenlane.v1.request_pb2 import Facts
from tokenlane_chassis.bus import Message
from tokenlane_proto import subjects
from tokenlane_worker.credit import Capacity

# Room for five requests that share nothing.
CAPACITY = Capacity(tokens=1050, sequences=8, largest=500)
# Of 190 prompt tokens those that all have in common.
SHARED = 80
BODY = b"x" * 100
SAME = Facts(model="m", stream=True, system_hash=7, system_bytes=80)
USAGE = b'data: {"usage":{"prompt_tokens":190,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":%d}}}\n\n'


async def learn(rig: Rig, facts: Facts) -> None:
    """One request puts the prefix into the cache, another finds it there."""
    for number, cached in enumerate((0, SHARED), start=1):
        rig.engine.streamed = [USAGE % cached]
        await rig.send(f"learn{number}", tokens=200, facts=facts, body=BODY)
        await rig.settled(number)
    rig.engine.hold = True


async def begun(rig: Rig, facts: Facts, count: int) -> None:
    """More of them than fit, of which `count` go to the engine."""
    for number in range(9):
        await rig.send(f"r{number}", tokens=200, facts=facts, body=BODY)
    await rig.calls(2 + count)
    await rig.bus.flush()
    assert len(rig.engine.calls) == 2 + count


def kv_tokens(rig: Rig, state: str) -> float | None:
    labels = {"lane": "short", "model": "m", "state": state}
    return rig.registry.get_sample_value("tokenlane_worker_kv_tokens", labels)


async def test_what_several_share_is_counted_once() -> None:
    async with running(capacity=CAPACITY) as rig:
        await learn(rig, SAME)
        await begun(rig, SAME, 8)
        assert kv_tokens(rig, "shared") == 7 * SHARED
        assert kv_tokens(rig, "committed") == 8 * 194 - 7 * SHARED
        rig.engine.finish.set()
        await rig.settled(11)
        await until(lambda: kv_tokens(rig, "committed") == 0, 5)
        assert kv_tokens(rig, "shared") == 0


async def test_without_a_system_prompt_nothing_is_shared() -> None:
    async with running(capacity=CAPACITY) as rig:
        other = Facts(model="m", stream=True)
        await learn(rig, other)
        await begun(rig, other, 5)
        assert kv_tokens(rig, "shared") == 0


async def test_an_engine_that_does_not_tell_is_given_no_credit() -> None:
    async with running(capacity=CAPACITY) as rig:
        rig.engine.streamed = [b'data: {"usage":{"prompt_tokens":190,"completion_tokens":1}}\n\n']
        for number in (1, 2):
            await rig.send(f"learn{number}", tokens=200, facts=SAME, body=BODY)
            await rig.settled(number)
        rig.engine.hold = True
        await begun(rig, SAME, 5)
        assert kv_tokens(rig, "shared") == 0


async def test_what_is_cached_is_no_prompt_to_compute() -> None:
    rooms: asyncio.Queue[Message] = asyncio.Queue()
    async with running(prefill_cap=1000) as rig:
        await rig.bus.subscribe(subjects.LINE_ROOM, rooms.put_nowait)
        await learn(rig, SAME)
        rig.engine.streamed = []
        await rig.send("r1", tokens=200, facts=SAME, body=BODY)
        left: set[int] = set()
        while 1000 - (190 - SHARED) not in left:
            told = await asyncio.wait_for(rooms.get(), 5)
            left |= {queue.prefill_tokens for queue in Room.FromString(told.data).queues}
