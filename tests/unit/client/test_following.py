"""Readers get the whole answer, whoever published the request."""

import asyncio

import pytest

from tests.support.waiting import until
from tests.unit.client.frames import JSON_HEAD
from tests.unit.client.reading import ANSWER, TEXT, Far, failure_of, make, opened, read, some
from tokenlane.v1.recovery_pb2 import KeyRecord
from tokenlane.v1.reply_pb2 import Head, Outcome
from tokenlane_chassis.bus import Bus
from tokenlane_client.answer import Complete
from tokenlane_client.exchanges import Exchanges
from tokenlane_proto import events
from tokenlane_proto.topology import KEY_BUCKET, key_record


async def test_followers_here_and_elsewhere_get_what_was_and_what_comes(bus: Bus, far: Far) -> None:
    here, elsewhere = await make(bus, "here"), await make(bus, "elsewhere")
    job = far.job("r1")
    job.emit(*ANSWER[:2])
    readers = [
        await here.follow("demo", "r1"),
        await here.follow("demo", "r1", 1),
        await elsewhere.follow("demo", "r1", 2, events.digest(b"".join(ANSWER[:2]))),
    ]
    await until(lambda: len(job.inboxes) == 3)
    job.emit(*ANSWER[2:])
    await job.end()
    for first, reader in enumerate(readers):
        assert await read(reader) == (b"".join(ANSWER[first:]), Complete())
    await here.stop()
    await elsewhere.stop()


async def test_a_follower_of_a_waiting_request_joins_when_it_is_started(far: Far, exchanges: Exchanges) -> None:
    follower = await exchanges.follow("demo", "r1")
    await until(lambda: follower.inbox in far.worker.attached)
    job = far.job("r1")
    shown = await job.begin()
    assert [each.events for each in shown] == [0]
    await until(lambda: follower.inbox in job.inboxes)
    job.emit(*ANSWER)
    await job.end()
    assert await read(follower) == (TEXT, Complete())


async def test_a_follower_hears_of_a_result_that_no_worker_sends(far: Far, exchanges: Exchanges) -> None:
    follower = await exchanges.follow("demo", "r1")
    await until(lambda: follower.inbox in far.worker.attached)
    await far.job("r1").store(b"there", JSON_HEAD)
    assert await read(follower) == (b"there", Complete())


async def test_a_follower_of_an_ended_request_reads_the_store(far: Far, exchanges: Exchanges) -> None:
    job = far.job("r1")
    job.emit(*ANSWER)
    await job.end()
    assert await read(await exchanges.follow("demo", "r1", 3)) == (ANSWER[3], Complete())
    await far.job("r2").fail(504, "too late", "deadline_exceeded", Outcome.OUTCOME_EXPIRED)
    part = await (await exchanges.follow("demo", "r2")).take()
    assert part.head is not None
    assert part.head.http_status == 504


@pytest.mark.parametrize("ended", [False, True])
async def test_a_position_in_another_answer_is_refused(far: Far, exchanges: Exchanges, ended: bool) -> None:
    job = far.job("r1")
    job.emit(*ANSWER)
    if ended:
        await job.end()
    follower = await exchanges.follow("demo", "r1", 2, events.digest(b"".join(ANSWER[1:3])))
    _, end = await read(follower)
    assert (failure_of(end).status, failure_of(end).code) == (409, "stream_diverged")


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("cut", [1, 3, 4])
async def test_a_reader_that_came_back_is_sent_the_beginning_too_and_compares(
    far: Far, exchanges: Exchanges, same: bool, cut: int
) -> None:
    digest = events.digest(b"".join(ANSWER[:2] if same else ANSWER[1:3]))
    follower = await exchanges.follow("demo", "r1", 2, digest)
    await until(lambda: follower.inbox in far.worker.attached)
    # It published the request again, so that the worker knows its inbox from the beginning.
    job = far.job("r1", follower.inbox)
    for at in range(0, 4, cut):
        job.emit(*ANSWER[at : at + cut])
    await job.end()
    text, end = await read(follower)
    if same:
        assert (text, end) == (b"".join(ANSWER[2:]), Complete())
    else:
        assert (text, failure_of(end).code) == (b"", "stream_diverged")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_reader_that_came_back_is_told_what_went_wrong(far: Far, exchanges: Exchanges, streamed: bool) -> None:
    follower = await exchanges.follow("demo", "r1", 2, 7)
    job = far.job("r1", follower.inbox)
    if streamed:
        await job.fail(502, "died", "engine_failed")
    else:
        await job.whole(b"{}", Head(http_status=400, content_type="application/json"))
    part = await follower.take()
    assert part.head is not None
    assert part.head.http_status == (502 if streamed else 400)


async def test_the_publisher_of_a_second_copy_reads_the_answer_to_the_first(far: Far, exchanges: Exchanges) -> None:
    job = far.job("k1", "elsewhere.1")
    job.emit(*ANSWER[:2])
    exchange = opened(exchanges, "k1", b"x" * 32)
    await exchanges.turn_to_follow(exchange)
    seen = await some(exchange, 2)
    job.emit(*ANSWER[2:])
    await job.end()
    assert await read(exchange, seen) == (TEXT, Complete())


async def test_a_reader_whose_key_is_being_looked_up_may_learn_meanwhile_that_it_is_its_own(
    bus: Bus, far: Far, exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bus.put(KEY_BUCKET, key_record("demo", "k1"), KeyRecord(body_sha256=b"x" * 32).SerializeToString())
    await far.job("k1").store(b"its own", JSON_HEAD)
    looking, go_on, get = asyncio.Event(), asyncio.Event(), bus.get

    async def slowly(bucket: str, key: str) -> bytes | None:
        looking.set()
        await go_on.wait()
        return await get(bucket, key)

    monkeypatch.setattr(bus, "get", slowly)
    exchange = await exchanges.follow("demo", "k1", body_sha256=b"x" * 32)
    await looking.wait()
    await exchanges.turn_to_follow(exchange)
    go_on.set()
    assert await read(exchange) == (b"its own", Complete())


@pytest.mark.parametrize("same", [True, False])
async def test_a_key_shows_the_answer_to_its_own_body_alone(
    bus: Bus, far: Far, exchanges: Exchanges, same: bool
) -> None:
    record = KeyRecord(body_sha256=(b"x" if same else b"y") * 32)
    await bus.put(KEY_BUCKET, key_record("demo", "k1"), record.SerializeToString())
    await far.job("k1").store(b"theirs", JSON_HEAD)
    text, end = await read(await exchanges.follow("demo", "k1", body_sha256=b"x" * 32))
    if same:
        assert (text, end) == (b"theirs", Complete())
    else:
        assert text == b""
        assert (failure_of(end).status, failure_of(end).code) == (409, "idempotency_key_reused")


async def test_before_a_key_is_decided_nothing_is_shown(bus: Bus, far: Far, exchanges: Exchanges) -> None:
    await far.job("k1").store(b"there", JSON_HEAD)
    follower = await exchanges.follow("demo", "k1", body_sha256=b"x" * 32)
    await bus.flush()
    assert far.worker.attached == []
    assert not follower.ended
    await bus.put(KEY_BUCKET, key_record("demo", "k1"), KeyRecord(body_sha256=b"x" * 32).SerializeToString())
    await far.job("k1").begin()
    assert await read(follower) == (b"there", Complete())
