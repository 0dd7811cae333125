"""Readers that come late, come back, or only ask: attach, digests, status, and the announcement of attempts."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.worker.rig import STREAM, Rig, running
from tokenlane.v1.recovery_pb2 import Attach, RequestState, Started
from tokenlane.v1.reply_pb2 import Frame, Outcome
from tokenlane.v1.request_pb2 import ReplyFormat
from tokenlane_chassis.bus import Message
from tokenlane_proto import codec, events, headers, subjects
from tokenlane_worker.credit import Capacity

ONE, TWO, THREE = b'data: {"choices":[1]}\n\n', b'data: {"choices":[2]}\n\n', b'data: {"choices":[3]}\n\n'


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running(capacity=Capacity(tokens=1000, sequences=8, largest=1000)) as rig:
        yield rig


class Reader:
    """An inbox of its own."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.frames: asyncio.Queue[Message] = asyncio.Queue()

    async def listen(self, inbox: str = "second.r1") -> None:
        await self._rig.bus.subscribe(f"replies.acme.{inbox}", self.frames.put_nowait)

    async def frame(self) -> Frame:
        return codec.decode_frame((await asyncio.wait_for(self.frames.get(), 5)).data)


@pytest.fixture
async def reader(rig: Rig) -> Reader:
    reader = Reader(rig)
    await reader.listen()
    return reader


async def stream(rig: Rig, *chunks: bytes) -> None:
    rig.engine.streamed = list(chunks)
    rig.engine.hold = True
    await rig.send("r1", facts=STREAM)
    await rig.calls(1)


async def test_a_late_reader_gets_what_it_missed_and_then_the_rest(rig: Rig, reader: Reader) -> None:
    await stream(rig, ONE, TWO)
    await rig.attach(Attach(request_id="r1", inbox="second.r1", first_event=1))
    caught_up = await reader.frame()
    assert (caught_up.first_event, caught_up.data, caught_up.head.http_status) == (1, TWO, 200)
    rig.engine.finish.set()
    last = await reader.frame()
    assert (last.first_event, last.data, last.terminal.outcome) == (2, events.DONE, Outcome.OUTCOME_COMPLETED)
    heard = [codec.decode_frame(m.data) for m in rig.bus.posted if m.subject == "replies.acme.door.r1"]
    assert [frame.first_event for frame in heard] == [0, 1, 2], "the first reader noticed nothing"


async def test_attaching_twice_sends_nothing_twice(rig: Rig, reader: Reader) -> None:
    await stream(rig, ONE)
    for _ in range(2):
        await rig.attach(Attach(request_id="r1", inbox="second.r1"))
        assert (await reader.frame()).data == ONE
    rig.engine.finish.set()
    assert (await reader.frame()).data == events.DONE
    await rig.settled(1)
    await rig.bus.flush()
    assert reader.frames.empty()


async def test_a_reader_of_a_request_that_waits_for_room_gets_all_of_it(rig: Rig, reader: Reader) -> None:
    rig.engine.hold = True
    await rig.send("r0", tokens=450)
    await rig.calls(1)
    await rig.send("r1", tokens=900)
    await rig.bus.flush()
    await rig.attach(Attach(request_id="r1", inbox="second.r1"))
    rig.engine.finish.set()
    frame = await reader.frame()
    assert frame.HasField("head")
    assert frame.HasField("terminal")


async def test_other_tenants_readers_hear_nothing(rig: Rig, reader: Reader) -> None:
    await stream(rig, ONE)
    rig.bus.post(subjects.attach("other"), Attach(request_id="r1", inbox="second.r1").SerializeToString())
    rig.bus.post(subjects.attach("acme"), b"\xff")
    rig.engine.finish.set()
    await rig.settled(1)
    assert reader.frames.empty()


async def test_a_reader_that_was_shown_something_else_is_told_so(rig: Rig, reader: Reader) -> None:
    await stream(rig, ONE, TWO)
    wrong = Attach(request_id="r1", inbox="second.r1", first_event=2, digest=events.digest(ONE + THREE))
    await rig.attach(wrong)
    frame = await reader.frame()
    assert (frame.terminal.http_status, frame.terminal.code) == (409, "stream_diverged")
    await rig.attach(Attach(request_id="r1", inbox="second.r1", first_event=2, digest=events.digest(ONE + TWO)))
    assert (await reader.frame()).HasField("head")
    rig.engine.finish.set()
    assert (await reader.frame()).data == events.DONE


@pytest.mark.parametrize(("shown", "fits"), [(ONE + TWO, True), (ONE + THREE, False)])
async def test_a_reader_that_is_ahead_is_compared_once_its_place_is_reached(
    rig: Rig, reader: Reader, shown: bytes, fits: bool
) -> None:
    rig.engine.hold = True
    await rig.send("r0", tokens=450)
    await rig.calls(1)
    await stream_later(rig)
    await rig.bus.flush()
    ahead = Attach(request_id="r1", inbox="second.r1", first_event=2, digest=events.digest(shown))
    await rig.attach(ahead)
    rig.engine.finish.set()
    frames = [await reader.frame() for _ in range(3)]
    assert [frame.data for frame in frames[:2]] == [ONE, TWO]
    assert frames[2].terminal.code == ("" if fits else "stream_diverged")


async def stream_later(rig: Rig) -> None:
    rig.engine.streamed = [ONE, TWO]
    await rig.send("r1", tokens=900, facts=STREAM)


async def test_a_reader_that_comes_after_the_end_is_sent_to_the_store(rig: Rig, reader: Reader) -> None:
    """Between the end of the answer and the acknowledgement."""
    late = Attach(request_id="r1", inbox="second.r1").SerializeToString()
    await rig.bus.subscribe(
        "replies.acme.door.r1", lambda _: rig.worker._controls.attach(Message("attach.acme", late, {}))
    )
    rig.engine.streamed = [ONE]
    await rig.send("r1", facts=STREAM)
    frames = [await reader.frame()]
    while not frames[-1].HasField("terminal"):
        frames.append(await reader.frame())
    assert frames[0].data == ONE
    assert frames[-1].terminal.outcome == Outcome.OUTCOME_COMPLETED


async def test_the_state_of_what_is_here_is_told(rig: Rig) -> None:
    await stream(rig, ONE + TWO)
    await rig.send("r2", tokens=950)
    await rig.bus.flush()
    running_one, held = [
        codec.decode_status((await rig.bus.ask(subjects.status("acme"), name, 1))[0].data) for name in (b"r1", b"r2")
    ]
    assert (running_one.state, running_one.attempt) == (RequestState.REQUEST_STATE_RUNNING, 1)
    assert (running_one.events, running_one.lane, running_one.model, running_one.lane_seq) == (2, "short", "m", 1)
    assert (held.state, held.attempt, held.budget_tokens) == (RequestState.REQUEST_STATE_QUEUED, 0, 950)
    assert await rig.bus.ask(subjects.status("acme"), b"r3", 0.01) == []
    assert await rig.bus.ask(subjects.status("other"), b"r1", 0.01) == []


async def test_each_attempt_is_announced(rig: Rig) -> None:
    await rig.send("r1")
    await rig.settled(1)
    (started,) = [message for message in rig.bus.posted if message.subject == "started.acme.r1"]
    assert codec.decode_started(started.data) == Started(request_id="r1", attempt=1)
    assert not [message for message in rig.bus.posted if message.subject == "claims.acme"]


async def test_frames_larger_than_a_message_are_cut_between_events(rig: Rig) -> None:
    rig.bus.max_payload = 16 * 1024 + 100
    await rig.worker._station.bus.flush()
    big = b"data: " + b"x" * 60 + b"\n\n"
    rig.engine.streamed = [big * 400]
    rig.engine.hold = True
    await rig.send("r1", facts=STREAM)
    rig.engine.finish.set()
    frames = [await rig.frame()]
    while not frames[-1].HasField("terminal"):
        frames.append(await rig.frame())
    assert b"".join(frame.data for frame in frames) == big * 400 + events.DONE
    positions = [frame.first_event for frame in frames]
    assert positions == sorted(positions)
    assert [frame.HasField("head") for frame in frames] == [True] + [False] * (len(frames) - 1)
    assert await rig.settled(1) == ["ack"]
    stored = rig.result()
    assert rig.bus.objects["tokenlane_bodies", stored.headers[headers.OBJECT]] == big * 400 + events.DONE


async def test_an_answer_that_no_message_holds_is_read_from_the_store(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"choices":"' + b"x" * 20_000 + b'"}'
    monkeypatch.setattr("tests.support.engines.CHAT", body)
    rig.bus.max_payload = 16 * 1024 + 100
    await rig.send("r1")
    frame = await rig.frame()
    assert (frame.data, frame.HasField("head"), frame.terminal.outcome) == (b"", False, Outcome.OUTCOME_COMPLETED)
    await rig.send("r2", reply_format=ReplyFormat.REPLY_FORMAT_PLAIN)
    message = await asyncio.wait_for(rig.frames.get(), 5)
    assert (message.data, message.headers[headers.OUTCOME]) == (b"", "completed")
