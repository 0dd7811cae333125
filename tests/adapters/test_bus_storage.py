"""What the bus keeps: messages, keys and objects, on the in-memory one and on a real nats-server."""

import asyncio
from contextlib import aclosing

import pytest

from tests.support.waiting import until
from tokenlane_chassis.bus import Bus, Delivery
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError
from tokenlane_proto import topology
from tokenlane_proto.subjects import lane_filter

STORE = topology.BODY_STORE


async def test_messages_of_a_subject_come_in_order(bus: Bus) -> None:
    assert await bus.messages(topology.PROGRESS, "progress.acme.1") == []
    for number in range(5):
        await bus.publish_durable("progress.acme.1", str(number).encode(), {"Number": str(number)})
        await bus.publish_durable("progress.acme.2", b"other")
    found = await bus.messages(topology.PROGRESS, "progress.acme.1")
    assert [(message.data, message.headers["Number"]) for message in found] == [
        (str(number).encode(), str(number)) for number in range(5)
    ]
    subjects = [message.subject for message in await bus.messages(topology.PROGRESS, "progress.acme.*")]
    assert subjects == ["progress.acme.1", "progress.acme.2"] * 5


async def test_a_large_message_is_read_whole(bus: Bus) -> None:
    body = bytes(range(256)) * 4 * 7_000
    await bus.publish_durable("results.acme.1", body, {"Tokenlane-Reason": "naïve: with a colon"})
    stored = await bus.last(topology.RESULTS, "results.acme.1")
    assert stored is not None
    assert (stored.data == body, stored.headers["Tokenlane-Reason"]) == (True, "naïve: with a colon")


async def test_a_purged_subject_is_empty_and_the_others_are_not(bus: Bus) -> None:
    for request in ("1", "1", "2"):
        await bus.publish_durable(f"progress.acme.{request}", b"x")
    await bus.purge(topology.PROGRESS, "progress.acme.1")
    await bus.purge(topology.PROGRESS, "progress.acme.unknown")
    assert await bus.subject_counts(topology.PROGRESS, "progress.>") == {"progress.acme.2": 1}


async def test_one_message_is_deleted(bus: Bus) -> None:
    first = await bus.publish_durable("lanes.short.short.m.acme.8", b"1")
    await bus.publish_durable("lanes.short.short.m.acme.8", b"2")
    assert await bus.delete_message(topology.LANES, first.seq)
    assert not await bus.delete_message(topology.LANES, first.seq)
    assert not await bus.delete_message(topology.LANES, 1_000)
    assert [message.data for message in await bus.messages(topology.LANES, "lanes.>")] == [b"2"]


async def test_a_deleted_message_is_not_delivered(bus: Bus) -> None:
    first = await bus.publish_durable("requests.acme", b"1")
    await bus.publish_durable("requests.acme", b"2")
    await bus.delete_message(topology.REQUESTS, first.seq)
    seen: asyncio.Queue[Delivery] = asyncio.Queue()
    await bus.pull(topology.CLASSIFIER_CONSUMER, seen.put_nowait, lambda: 4)
    assert (await asyncio.wait_for(seen.get(), 5)).data == b"2"


async def test_the_place_in_a_queue_is_counted(bus: Bus) -> None:
    stored = []
    for number in range(6):
        lane = "short" if number % 2 else "long"
        stored.append(await bus.publish_durable(f"lanes.{lane}.short.m.acme.{8 + number}", b"x"))
    short = lane_filter("short", "m")
    places = [await bus.count_before(topology.LANES, short, one.seq) for one in stored]
    assert places == [0, 0, 1, 1, 2, 2]
    await bus.delete_message(topology.LANES, stored[1].seq)
    assert await bus.count_before(topology.LANES, short, stored[5].seq) == 1
    assert await bus.count_before(topology.LANES, short, stored[5].seq + 10) == 2
    assert await bus.count_before(topology.LANES, lane_filter("short", "none"), 3) == 0


async def test_a_key_is_created_once(bus: Bus) -> None:
    bucket = topology.KEY_BUCKET
    assert await bus.create(bucket, "acme.k-1", b"first") is None
    assert await bus.create(bucket, "acme.k-1", b"second") == b"first"
    assert await bus.get(bucket, "acme.k-1") == b"first"
    await bus.delete(bucket, "acme.k-1")
    assert await bus.get(bucket, "acme.k-1") is None
    assert await bus.create(bucket, "acme.k-1", b"third") is None
    assert await bus.get(bucket, "acme.k-1") == b"third"


async def test_one_of_many_creates_a_key(bus: Bus) -> None:
    await bus.put(topology.KEY_BUCKET, "acme.k-1", b"old")
    await bus.delete(topology.KEY_BUCKET, "acme.k-1")
    names = [str(number).encode() for number in range(10)]
    found = await asyncio.gather(*(bus.create(topology.KEY_BUCKET, "acme.k-1", name) for name in names))
    (winner,) = (name for name, other in zip(names, found, strict=True) if other is None)
    assert {other for other in found if other is not None} == {winner}
    assert await bus.get(topology.KEY_BUCKET, "acme.k-1") == winner


async def test_a_key_is_updated_only_from_the_revision_that_was_read(bus: Bus) -> None:
    bucket, key = topology.ESTIMATE_BUCKET, "prompt.0"
    assert await bus.entry(bucket, key) == (0, None)
    assert await bus.update(bucket, key, b"first", 0)
    assert not await bus.update(bucket, key, b"cold", 0)
    revision, value = await bus.entry(bucket, key)
    assert value == b"first"
    await bus.update(bucket, "prompt.1", b"another key moves nothing", 0)
    assert await bus.update(bucket, key, b"second", revision)
    assert not await bus.update(bucket, key, b"late", revision)
    assert (await bus.entry(bucket, key))[1] == b"second"


async def test_a_deleted_key_is_updated_from_the_revision_of_its_mark(bus: Bus) -> None:
    bucket, key = topology.ESTIMATE_BUCKET, "prompt.0"
    await bus.put(bucket, key, b"first")
    await bus.delete(bucket, key)
    revision, value = await bus.entry(bucket, key)
    assert (revision > 0, value) == (True, None)
    assert not await bus.update(bucket, key, b"second", 0)
    assert await bus.update(bucket, key, b"second", revision)
    assert await bus.get(bucket, key) == b"second"


async def test_one_of_many_updates_a_key(bus: Bus) -> None:
    bucket, key = topology.ESTIMATE_BUCKET, "prompt.0"
    await bus.put(bucket, key, b"first")
    revision, _ = await bus.entry(bucket, key)
    names = [str(number).encode() for number in range(10)]
    taken = await asyncio.gather(*(bus.update(bucket, key, name, revision) for name in names))
    assert taken.count(True) == 1
    assert await bus.get(bucket, key) == names[taken.index(True)]


async def test_a_value_that_is_too_large_is_refused(bus: Bus) -> None:
    with pytest.raises(MessageTooLargeError):
        await bus.update(topology.ESTIMATE_BUCKET, "prompt.0", bytes(bus.max_payload + 1), 0)
    with pytest.raises(MessageTooLargeError):
        await bus.put(topology.ESTIMATE_BUCKET, "prompt.0", bytes(bus.max_payload + 1))


@pytest.mark.parametrize("size", [0, 1, 48 * 1024, 3_000_000])
async def test_an_object_comes_back_as_it_was(bus: Bus, size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    await bus.put_object(STORE, "acme.r1.x", data)
    assert await bus.get_object(STORE, "acme.r1.x") == data


async def test_an_object_may_exceed_a_message(bus: Bus) -> None:
    data = b"0123456789abcdef" * (bus.max_payload // 16 + 1)
    await bus.put_object(STORE, "large", data)
    assert await bus.get_object(STORE, "large") == data


async def test_an_object_is_replaced_and_deleted(bus: Bus) -> None:
    await bus.put_object(STORE, "one", b"first")
    await bus.put_object(STORE, "one", b"second")
    await bus.put_object(STORE, "two", b"other")
    assert await bus.get_object(STORE, "one") == b"second"
    await bus.delete_object(STORE, "one")
    await bus.delete_object(STORE, "never there")
    assert await bus.get_object(STORE, "one") is None
    assert await bus.get_object(STORE, "two") == b"other"


async def test_what_no_stream_takes_is_told(bus: Bus) -> None:
    with pytest.raises(BusUnavailableError):
        await bus.publish_durable("nowhere.at.all", b"")


async def stored(bus: Bus, number: int) -> None:
    async def enough() -> bool:
        return sum((await bus.subject_counts(topology.USAGE, "usage.*")).values()) == number

    await until(enough)


async def test_what_is_posted_is_stored_where_a_stream_takes_its_subject(bus: Bus) -> None:
    bus.post("usage.acme", b"1", {"Number": "one"})
    bus.post("cancels.acme", b"no stream")
    await stored(bus, 1)
    (found,) = [message async for message in bus.read(topology.USAGE, "usage.*")]
    assert (found.subject, found.data, found.headers["Number"]) == ("usage.acme", b"1", "one")


async def test_a_stream_is_read_in_batches(bus: Bus) -> None:
    assert [message async for message in bus.read(topology.USAGE, "usage.*")] == []
    for number in range(1_200):
        bus.post("usage.acme" if number % 2 else "usage.demo", str(number).encode())
    await stored(bus, 1_200)
    found = [int(message.data) async for message in bus.read(topology.USAGE, "usage.*")]
    assert found == list(range(1_200))
    found = [int(message.data) async for message in bus.read(topology.USAGE, "usage.acme")]
    assert found == list(range(1, 1_200, 2))


async def test_a_stream_is_read_from_a_time_on(bus: Bus) -> None:
    bus.post("usage.acme", b"1")
    await stored(bus, 1)
    now = unix_ms()
    assert [message.data async for message in bus.read(topology.USAGE, "usage.*", now - 60_000)] == [b"1"]
    assert [message.data async for message in bus.read(topology.USAGE, "usage.*", now + 60_000)] == []


async def test_a_reader_may_stop_in_the_middle(bus: Bus) -> None:
    for number in range(3):
        bus.post("usage.acme", str(number).encode())
    await stored(bus, 3)
    async with aclosing(bus.read(topology.USAGE, "usage.*")) as messages:
        assert (await anext(messages)).data == b"0"
    assert len([message async for message in bus.read(topology.USAGE, "usage.*")]) == 3
