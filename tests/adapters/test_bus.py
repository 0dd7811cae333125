"""What every room relies on from the bus, on the in-memory one and on a real nats-server."""

import asyncio
from collections.abc import Callable

import pytest

from tests.support.waiting import until
from tokenlane_chassis.bus import Bus, Delivery, Message, Stored
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError
from tokenlane_proto import topology
from tokenlane_proto.headers import MSG_ID


class Inbox(asyncio.Queue[Message]):
    async def take(self) -> Message:
        return await asyncio.wait_for(self.get(), 5)


async def test_posts_arrive_in_order(bus: Bus) -> None:
    inbox = Inbox()
    await bus.subscribe("replies.*.door.*", inbox.put_nowait)
    for number in range(100):
        bus.post("replies.acme.door.1", str(number).encode())
    assert [int((await inbox.take()).data) for _ in range(100)] == list(range(100))


async def test_a_queue_group_shares_messages(bus: Bus) -> None:
    inbox = Inbox()
    for _ in range(2):
        await bus.subscribe("usage.*", inbox.put_nowait, queue="readers")
    bus.post("usage.acme", b"1")
    bus.post("usage.acme", b"2")
    assert {(await inbox.take()).data, (await inbox.take()).data} == {b"1", b"2"}
    await bus.flush()
    assert inbox.empty()


async def test_a_durable_message_is_delivered_until_it_is_acknowledged(bus: Bus) -> None:
    seen: asyncio.Queue[Delivery] = asyncio.Queue()
    await bus.publish_durable("requests.acme", b"body", {"a": "b"})
    await bus.pull(topology.CLASSIFIER_CONSUMER, seen.put_nowait, lambda: 4)
    first = await asyncio.wait_for(seen.get(), 5)
    assert (first.subject, first.data, first.headers["a"], first.attempt) == ("requests.acme", b"body", "b", 1)
    first.nak()
    second = await asyncio.wait_for(seen.get(), 5)
    assert (second.attempt, second.stream_seq) == (2, first.stream_seq)
    second.ack()
    while await bus.subject_counts(topology.REQUESTS, "requests.*"):
        await bus.flush()


async def test_a_message_id_is_stored_once(bus: Bus) -> None:
    first = await bus.publish_durable("requests.acme", b"body", {MSG_ID: "acme.1"})
    assert first == Stored(1)
    again = await bus.publish_durable("requests.acme", b"body", {MSG_ID: "acme.1"})
    assert again == Stored(1, duplicate=True)
    assert await bus.subject_counts(topology.REQUESTS, "requests.*") == {"requests.acme": 1}


async def test_a_puller_never_gets_more_than_its_target(bus: Bus) -> None:
    held: list[Delivery] = []
    arrived = asyncio.Event()

    def hold(delivery: Delivery) -> None:
        held.append(delivery)
        arrived.set()

    for number in range(10):
        await bus.publish_durable("requests.acme", str(number).encode())
    puller = await bus.pull(topology.CLASSIFIER_CONSUMER, hold, lambda: 3 - len(held))
    while len(held) < 3:
        arrived.clear()
        await asyncio.wait_for(arrived.wait(), 5)
    assert (await bus.consumer_counts(topology.CLASSIFIER_CONSUMER)).pending == 7
    held.pop().ack()
    puller.poke()
    arrived.clear()
    await asyncio.wait_for(arrived.wait(), 5)
    assert len(held) == 3


async def test_pullers_of_one_consumer_share_the_work(bus: Bus) -> None:
    consumer = topology.lane_consumer("short", "long", "org/model-1.5")
    seen: asyncio.Queue[Delivery] = asyncio.Queue()
    for _ in range(2):
        await bus.pull(consumer, seen.put_nowait, lambda: 50)
    for number in range(100):
        await bus.publish_durable("lanes.short.long.org%2Fmodel-1%2E5.acme.128", str(number).encode())
    got: list[int] = []
    while len(got) < 100:
        delivery = await asyncio.wait_for(seen.get(), 5)
        delivery.ack()
        got.append(int(delivery.data))
    assert sorted(got) == list(range(100))


async def test_of_those_who_wait_the_lowest_rank_is_served_first(bus: Bus) -> None:
    consumer = topology.lane_consumer("short", "short", "m")
    seen: asyncio.Queue[tuple[str, Delivery]] = asyncio.Queue()
    left = {"other": 2, "own": 3}

    def puller(name: str) -> tuple[Callable[[Delivery], None], Callable[[], int]]:
        def receive(delivery: Delivery) -> None:
            left[name] -= 1
            seen.put_nowait((name, delivery))

        return receive, lambda: left[name]

    await bus.pull(consumer, *puller("other"), rank=1)
    await bus.pull(consumer, *puller("own"))
    await bus.flush()
    served = []
    for _ in range(5):
        await bus.publish_durable("lanes.short.short.m.acme.8", b"")
        name, delivery = await asyncio.wait_for(seen.get(), 5)
        delivery.ack()
        served.append(name)
    assert served == ["own"] * 3 + ["other"] * 2


async def test_no_stream_and_too_large_are_told(bus: Bus) -> None:
    with pytest.raises(BusUnavailableError):
        await bus.publish_durable("nowhere.at.all", b"")
    with pytest.raises(MessageTooLargeError):
        await bus.publish_durable("requests.acme", b"x" * (bus.max_payload - 10), {"header": "y" * 600})
    assert bus.connected


async def test_only_the_latest_result_is_kept(bus: Bus) -> None:
    assert await bus.last(topology.RESULTS, "results.acme.1") is None
    await bus.publish_durable("results.acme.1", b"first")
    await bus.publish_durable("results.acme.1", b"second", {"Tokenlane-Status": "200"})
    stored = await bus.last(topology.RESULTS, "results.acme.1")
    assert stored is not None
    assert (stored.data, stored.headers["Tokenlane-Status"]) == (b"second", "200")


async def test_a_watch_begins_with_what_is_there_and_follows(bus: Bus) -> None:
    seen: asyncio.Queue[tuple[str, bytes | None]] = asyncio.Queue()
    await bus.put(topology.LANE_BUCKET, "short.a", b"1")
    await bus.watch(topology.LANE_BUCKET, lambda key, value: seen.put_nowait((key, value)))
    assert seen.get_nowait() == ("short.a", b"1")
    await bus.put(topology.LANE_BUCKET, "short.a", b"2")
    assert await asyncio.wait_for(seen.get(), 5) == ("short.a", b"2")
    assert await bus.get(topology.LANE_BUCKET, "short.a") == b"2"
    assert await bus.get(topology.LANE_BUCKET, "long.a") is None
    await bus.delete(topology.LANE_BUCKET, "short.a")
    assert await asyncio.wait_for(seen.get(), 5) == ("short.a", None)
    assert await bus.get(topology.LANE_BUCKET, "short.a") is None


async def test_a_subject_is_published_once(bus: Bus) -> None:
    assert await bus.publish_once("results.acme.1", b"first", {"Tokenlane-Status": "200"})
    assert not await bus.publish_once("results.acme.1", b"second")
    assert await bus.publish_once("results.acme.2", b"another")
    stored = await bus.last(topology.RESULTS, "results.acme.1")
    assert stored is not None
    assert (stored.data, stored.headers["Tokenlane-Status"]) == (b"first", "200")
    await bus.purge(topology.RESULTS, "results.acme.1")
    assert await bus.publish_once("results.acme.1", b"again")


async def test_one_of_many_publishes_a_subject(bus: Bus) -> None:
    taken = await asyncio.gather(*(bus.publish_once("results.acme.1", str(n).encode()) for n in range(20)))
    assert taken.count(True) == 1
    stored = await bus.last(topology.RESULTS, "results.acme.1")
    assert stored is not None
    assert stored.data == str(taken.index(True)).encode()


async def test_a_question_is_answered_by_as_many_as_are_wanted(bus: Bus) -> None:
    for name in (b"one", b"two"):
        await bus.subscribe("status.*", lambda asked, name=name: bus.post(asked.reply, name + asked.data))  # type: ignore[misc]
    answers = await bus.ask("status.acme", b"?", 5, most=2)
    assert {answer.data for answer in answers} == {b"one?", b"two?"}
    assert len(await bus.ask("status.acme", b"?", 5)) == 1


async def test_a_question_that_nobody_hears_ends_at_once(bus: Bus) -> None:
    async with asyncio.timeout(5):
        assert await bus.ask("status.acme", b"?", 600, most=3) == []


async def test_a_question_that_is_not_answered_ends_in_time(bus: Bus) -> None:
    heard = Inbox()
    await bus.subscribe("status.*", heard.put_nowait)
    assert await bus.ask("status.acme", b"?", 0.05) == []
    assert (await heard.take()).reply


async def test_the_answers_that_came_in_time_are_kept(bus: Bus) -> None:
    await bus.subscribe("status.*", lambda asked: bus.post(asked.reply, b"one"))
    assert [answer.data for answer in await bus.ask("status.acme", b"?", 0.2, most=3)] == [b"one"]


async def test_a_claim_is_held_while_the_broker_confirms_it(bus: Bus) -> None:
    seen: asyncio.Queue[Delivery] = asyncio.Queue()
    await bus.publish_durable("requests.acme", b"body")
    await bus.pull(topology.CLASSIFIER_CONSUMER, seen.put_nowait, lambda: 4)
    delivery = await asyncio.wait_for(seen.get(), 5)
    delivery.in_progress()
    assert not delivery.lost
    delivery.ack()
    await until(lambda: _is_empty(bus))


async def _is_empty(bus: Bus) -> bool:
    return not await bus.subject_counts(topology.REQUESTS, "requests.*")
