"""Readers get the whole answer, whatever the bus loses."""

import asyncio

import pytest

from tests.support.waiting import until
from tests.unit.client.frames import JSON_HEAD, SSE_HEAD, event, stored_elsewhere, whole
from tests.unit.client.reading import ANSWER, TEXT, Far, failure_of, make, opened, read, some
from tokenlane.v1.recovery_pb2 import KeyRecord
from tokenlane.v1.reply_pb2 import Frame
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_client.answer import Complete
from tokenlane_client.exchanges import Exchanges
from tokenlane_client.failure import Failure
from tokenlane_proto import subjects
from tokenlane_proto.topology import KEY_BUCKET, key_record


async def test_frames_find_their_own_reader(far: Far, exchanges: Exchanges) -> None:
    one, two = opened(exchanges), opened(exchanges)
    assert one.request_id != two.request_id
    await far.job(two.request_id, two.inbox).whole(b"2")
    await far.job(one.request_id, one.inbox).whole(b"1")
    assert await read(one) == (b"1", Complete())
    assert await read(two) == (b"2", Complete())
    assert one.settled
    exchanges.close(one)
    exchanges.close(two)
    assert len(exchanges) == 0


async def test_no_frame_of_another_tenant_reaches_a_reader(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    far.worker.bus.post(subjects.reply("other", exchange.inbox), whole(b"theirs").SerializeToString())
    await far.job(exchange.request_id, exchange.inbox).whole(b"mine")
    assert await read(exchange) == (b"mine", Complete())


async def test_an_id_is_open_once_and_a_key_any_number_of_times(exchanges: Exchanges) -> None:
    first = opened(exchanges, "mine")
    assert exchanges.open("demo", "mine") is None
    assert exchanges.open("other", "mine") is not None
    keyed = opened(exchanges, "mine", b"x" * 32)
    exchanges.close(keyed)
    assert exchanges.open("demo", "mine") is None
    exchanges.close(first)
    assert exchanges.open("demo", "mine") is not None


async def test_a_lost_frame_is_fetched_from_the_worker(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    job = far.job(exchange.request_id, exchange.inbox)
    job.emit(ANSWER[0])
    job.heard = False
    job.emit(ANSWER[1])
    job.heard = True
    job.emit(ANSWER[2])
    seen = await some(exchange, 3)
    job.emit(ANSWER[3])
    await job.end()
    assert await read(exchange, seen) == (TEXT, Complete())


async def test_a_lost_end_is_found_in_the_store_at_the_reconnect() -> None:
    bus = FakeBus()
    exchanges, far = await make(bus), Far(bus)
    exchange = opened(exchanges)
    job = far.job(exchange.request_id, exchange.inbox)
    job.emit(*ANSWER[:2])
    seen = await some(exchange, 2)
    job.heard = False
    job.emit(*ANSWER[2:])
    await job.end()
    bus.reconnect()
    assert await read(exchange, seen) == (TEXT, Complete())
    await exchanges.stop()


@pytest.mark.parametrize("keyed", [False, True])
async def test_a_long_silence_makes_the_reader_ask(
    far: Far, monkeypatch: pytest.MonkeyPatch, bus: Bus, keyed: bool
) -> None:
    monkeypatch.setattr("tokenlane_client.silence.FIRST_S", 0.0)
    monkeypatch.setattr("tokenlane_client.exchanges._SWEEP_S", 0.01)
    exchanges = await make(bus)
    exchange = opened(exchanges, "r1", b"x" * 32 if keyed else b"")
    if keyed:
        await bus.put(KEY_BUCKET, key_record("demo", "r1"), KeyRecord(body_sha256=b"x" * 32).SerializeToString())
    job = far.job("r1")
    job.emit(*ANSWER[:2])
    seen = await some(exchange, 2)
    job.heard = False
    job.emit(*ANSWER[2:])
    await job.end()
    assert await read(exchange, seen) == (TEXT, Complete())
    await exchanges.stop()


async def test_an_answer_too_large_for_a_frame_is_read_from_the_store(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    job = far.job(exchange.request_id, exchange.inbox)
    await job.store(b"large", JSON_HEAD)
    job.post(stored_elsewhere())
    assert await read(exchange) == (b"large", Complete())


async def test_a_result_that_is_told_before_it_can_be_read_is_waited_for(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    job = far.job(exchange.request_id, exchange.inbox)
    job.close()
    job.post(stored_elsewhere())
    await until(lambda: exchange.inbox in far.worker.attached)
    await job.store(b"late", JSON_HEAD)
    assert await read(exchange) == (b"late", Complete())


async def test_the_next_worker_is_told_what_was_shown_since_the_checkpoint(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    first = far.job(exchange.request_id, exchange.inbox)
    first.emit(*ANSWER[:1])
    first.checkpointed = 1
    first.emit(ANSWER[1])
    seen = await some(exchange, 2)
    second = far.job(exchange.request_id, exchange.inbox, attempt=2)
    [shown] = await second.begin()
    assert (shown.events, shown.first_event, shown.tail) == (2, 1, ANSWER[1])
    assert shown.head == SSE_HEAD
    # The first one is not dead, but its claim is.
    first.emit(event("stale"), event("stale"))
    second.answer = b"".join(ANSWER[:2])
    second.emit(*ANSWER[2:])
    await second.end()
    assert await read(exchange, seen) == (TEXT, Complete())


async def test_who_reads_no_more_answers_at_once(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    exchanges.close(exchange)
    [shown] = await far.job("r1", exchange.inbox, attempt=2).begin()
    assert (shown.events, shown.tail) == (0, b"")


async def test_an_attempt_that_says_something_else_is_not_joined(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    far.job(exchange.request_id, exchange.inbox).emit(*ANSWER[:2])
    seen = await some(exchange, 2)
    far.job(exchange.request_id, exchange.inbox, attempt=2).emit(event("other"), event("words"), event("now"))
    text, end = await read(exchange, seen)
    assert text == b"".join(ANSWER[:2])
    assert failure_of(end).code == "stream_diverged"
    assert not exchange.settled


async def test_a_reader_that_is_gone_or_finished_waits_no_more(far: Far, exchanges: Exchanges) -> None:
    left, late = opened(exchanges), opened(exchanges)
    waiting = asyncio.create_task(left.take())
    await asyncio.sleep(0)
    left.disconnect()
    assert (await waiting).end is None
    assert left.gone
    exchanges.finish_all(Failure(503, "bye", "server_error"))
    assert (await late.take()).end == Failure(503, "bye", "server_error")
    assert late.ended
    assert not late.settled
    # Its end still tells that nobody works on it any more.
    await far.job(late.request_id, late.inbox).whole(b"{}")
    await until(lambda: late.settled)


async def test_cancelling_names_the_request(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    exchanges.cancel(exchange)
    await until(lambda: far.worker.cancelled == [exchange.request_id])


async def test_what_is_no_frame_is_ignored(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    for subject in (subjects.reply("demo", exchange.inbox), subjects.shown("demo", exchange.inbox)):
        far.worker.bus.post(subject, b"\xff\xff\xff")
    await far.job(exchange.request_id, exchange.inbox).whole(b"{}")
    assert await read(exchange) == (b"{}", Complete())


async def test_a_head_is_shown_once_and_nothing_empty(far: Far, exchanges: Exchanges) -> None:
    exchange = opened(exchanges)
    job = far.job(exchange.request_id, exchange.inbox)
    job.post(Frame(head=SSE_HEAD))
    assert (await exchange.take()).head == SSE_HEAD
    job.post(Frame(head=SSE_HEAD))
    job.emit(ANSWER[0])
    part = await exchange.take()
    assert (part.head, part.data) == (None, ANSWER[0])
