"""Prompts that an engine has not computed, as a worker tells the dispatcher."""

import asyncio

from tests.unit.worker.rig import STREAM, Rig, running
from tokenlane.v1.line_pb2 import Room
from tokenlane_chassis.bus import Message
from tokenlane_proto import subjects

CAP = 1_000


async def until_left(rooms: asyncio.Queue[Message], tokens: int) -> None:
    """Until the worker tells that so many tokens may be begun."""
    while tokens not in {queue.prefill_tokens for queue in Room.FromString((await _next(rooms)).data).queues}:
        pass


async def _next(rooms: asyncio.Queue[Message]) -> Message:
    return await asyncio.wait_for(rooms.get(), 5)


async def heard(rig: Rig) -> asyncio.Queue[Message]:
    rooms: asyncio.Queue[Message] = asyncio.Queue()
    await rig.bus.subscribe(subjects.LINE_ROOM, rooms.put_nowait)
    return rooms


async def test_a_stream_s_prompt_is_computed_when_its_first_token_comes() -> None:
    async with running(prefill_cap=CAP) as rig:
        rooms = await heard(rig)
        rig.engine.streamed, rig.engine.hold = [], True
        await rig.send("r1", facts=STREAM)
        await until_left(rooms, CAP - 90)
        rig.engine.finish.set()
        await until_left(rooms, CAP)


async def test_other_prompts_take_as_long_as_those_of_streams() -> None:
    async with running(prefill_cap=CAP) as rig:
        rig.engine.streamed = []
        await rig.send("r1", facts=STREAM)
        await rig.settled(1)
        rooms = await heard(rig)
        rig.engine.hold = True
        await rig.send("r2")
        await until_left(rooms, CAP - 90)
        await until_left(rooms, CAP)
        assert len(rig.engine.calls) == 2
        assert not rig.bus.deliveries[1].settled


async def test_where_there_was_no_stream_they_are_not_counted() -> None:
    async with running(prefill_cap=CAP) as rig:
        rooms = await heard(rig)
        rig.engine.hold = True
        await rig.send("r1")
        await rig.calls(1)
        await rig.send("r2", facts=STREAM)
        await until_left(rooms, CAP - 90)
