"""Frames are lost, workers die, readers come and go: each reader's text is the answer all the same."""

import asyncio
import random

import pytest

from tests.unit.client.frames import event
from tests.unit.client.reading import Far, make, opened, read
from tests.unit.client.worker import Job
from tokenlane.v1.recovery_pb2 import Shown
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_client.answer import Complete
from tokenlane_client.exchange import Exchange
from tokenlane_client.exchanges import Exchanges
from tokenlane_proto import events


async def next_attempt(far: Far, dead: Job, answer: list[bytes], followers: int) -> Job:
    """Another worker goes on from the checkpoint, or from what readers were shown beyond it."""
    job = far.job(dead.request.request_id, dead.request.reply_inbox, dead.attempt + 1)
    known = dead.checkpointed
    for shown in await job.begin(max(followers, 1)):
        assert_is_part_of(shown, answer)
        if shown.first_event <= known:
            known = max(known, shown.events)
    job.answer, job.checkpointed = b"".join(answer[:known]), dead.checkpointed
    return job


def assert_is_part_of(shown: Shown, answer: list[bytes]) -> None:
    assert shown.tail == b"".join(answer[shown.first_event : shown.events])


async def joins(exchanges: Exchanges, answer: list[bytes], chance: random.Random) -> tuple[int, Exchange]:
    """A reader that has seen some of the answer before, or says so."""
    first = chance.randint(0, len(answer) // 2)
    digest = events.digest(b"".join(answer[:first])) if chance.random() < 0.5 else None
    return first, await exchanges.follow("demo", "r1", first, digest)


@pytest.mark.parametrize("seed", range(25))
async def test_each_reader_gets_the_answer(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_client.silence.FIRST_S", 0.02)
    monkeypatch.setattr("tokenlane_client.exchanges._SWEEP_S", 0.01)
    chance = random.Random(seed)
    bus = FakeBus()
    far, here, elsewhere = Far(bus), await make(bus, "here"), await make(bus, "elsewhere")
    await far.worker.start()
    answer = [*(event(str(number)) for number in range(40)), events.DONE]
    own = opened(here, "r1")
    readers: list[tuple[int, Exchange]] = [(0, own)]
    job = far.job("r1", own.inbox)
    while (sent := events.count(job.answer)) < len(answer):
        job.heard = chance.random() > 0.2
        job.emit(*answer[sent : sent + chance.randint(1, 4)])
        if chance.random() < 0.3:
            job.checkpointed = chance.randint(job.checkpointed, events.count(job.answer))
        if chance.random() < 0.2:
            readers.append(await joins(chance.choice((here, elsewhere)), answer, chance))
        if chance.random() < 0.2:
            bus.reconnect()
        if chance.random() < 0.15:
            job = await next_attempt(far, job, answer, len(readers) - 1)
        await asyncio.sleep(0)
    await job.end()
    for first, reader in readers:
        assert await read(reader) == (b"".join(answer[first:]), Complete())
    await here.stop()
    await elsewhere.stop()
    await far.worker.stop()
