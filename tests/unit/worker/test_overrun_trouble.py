"""Moves between lanes while something breaks: the request still ends once, in what its client can go on from."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from tests.support.engines import ScriptedEngine
from tests.support.waiting import until
from tests.unit.worker.two_lanes import TwoLanes, alone, body, two_lanes
from tokenlane.v1.recovery_pb2 import Checkpoint, Progress
from tokenlane.v1.reply_pb2 import Head
from tokenlane_chassis.bus import Stored
from tokenlane_proto import events, headers, subjects, topology

ASKED = body(stream=True, ignore_eos=True, max_tokens=60)
TOO_SHORT = b'{"error":{"message":"This model\'s maximum context length is 64 tokens. However, ..."}}'


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_worker.recovery._ASK_S", 0.05)
    monkeypatch.setattr("tokenlane_worker.retrying.RETRY_S", 0)


def event(text: str, reason: str | None = None) -> bytes:
    told = {"id": "chatcmpl-r1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]
    return b"data: %b\n\n" % json.dumps(told | {"choices": choices}, separators=(",", ":")).encode()


async def scripted(lanes: TwoLanes, lane: str) -> ScriptedEngine:
    engine = ScriptedEngine()
    await lanes.add(lane, engine)
    return engine


@pytest.mark.parametrize("after", ["progress.", "lanes.long."])
async def test_a_worker_that_dies_while_it_moves_a_request_moves_it_once(after: str) -> None:
    async with two_lanes() as lanes:
        publish, died = lanes.bus.publish_durable, asyncio.Event()

        async def die(subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> Stored:
            stored = await publish(subject, payload, headers)
            if subject.startswith(after) and not died.is_set():
                died.set()
                raise RuntimeError("killed")
            return stored

        lanes.bus.publish_durable = die  # type: ignore[method-assign]
        await lanes.send("r1", ASKED)
        await died.wait()
        while lanes.left():
            # What nobody works on any more is delivered again.
            await until(lambda: not lanes.left() or lanes.idle(), 5)
            for stored in list(lanes.bus.stored[topology.LANES]):
                lanes.bus.release(stored)
            await lanes.bus.flush()
        stored_answer = lanes.results()["r1"].data
        assert events.digest(stored_answer) == events.digest(await alone(ASKED))
        assert len(lanes.usages()) == 1


async def test_a_request_that_is_claimed_before_its_move_is_confirmed_has_moved() -> None:
    async with two_lanes() as lanes:
        publish = lanes.bus.publish_durable

        async def confirmed_late(subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> Stored:
            stored = await publish(subject, payload, headers)
            if subject.startswith("lanes.long."):
                await lanes.ended(1)
            return stored

        lanes.bus.publish_durable = confirmed_late  # type: ignore[method-assign]
        await lanes.send("r1", ASKED)
        await until(lambda: not lanes.left(), 5)
        assert lanes.attempts("short", "moved") == 1
        assert lanes.attempts("short", "lost") == 0


async def test_what_the_longer_lane_says_differently_ends_where_the_short_one_did() -> None:
    asked = body(stream=True, ignore_eos=True, max_tokens=60, logprobs=True, temperature=0)
    async with two_lanes(lanes=["short"]) as lanes:
        long = await scripted(lanes, "long")
        long.streamed = [event("something else")]
        await lanes.send("r1", asked)
        await lanes.ended(1)
        shown, short = lanes.shown("r1"), await alone(asked, 64)
        assert events.digest(cut(shown, -2)) == events.digest(cut(short, -2))
        assert shown.endswith(events.DONE)
        assert b'"finish_reason":"length"' in events.split(shown)[-2]
        assert lanes.results()["r1"].headers[headers.OUTCOME] == "completed"


def cut(data: bytes, count: int) -> bytes:
    return b"".join(events.split(data)[:count])


async def begun(lanes: TwoLanes, known: bytes) -> None:
    """A worker died with r1 after it had shown `known` of its answer."""
    part = Checkpoint(attempt=1, data=known, head=Head(http_status=200, content_type="text/event-stream"))
    entry = Progress(checkpoint=part).SerializeToString()
    await lanes.bus.publish_durable(subjects.progress("acme", "r1"), entry)
    await lanes.send("r1", ASKED, attempts_before=1)


async def test_a_context_too_short_to_go_on_in_is_left_for_a_longer_one() -> None:
    async with two_lanes(lanes=[]) as lanes:
        short, long = await scripted(lanes, "short"), await scripted(lanes, "long")
        short.refusals, long.streamed = [TOO_SHORT], [event(" two", "stop")]
        await begun(lanes, event("one"))
        await lanes.ended(1)
        assert lanes.results()["r1"].data == event("one") + event(" two", "stop") + events.DONE
        assert json.loads(long.calls[0])["messages"][-1]["content"] == "one"


async def test_a_context_too_short_to_go_on_in_is_the_end_where_there_is_no_longer_one() -> None:
    async with two_lanes({"short": 64}, lanes=[]) as lanes:
        short = await scripted(lanes, "short")
        short.refusals = [TOO_SHORT]
        await begun(lanes, event("one"))
        await lanes.ended(1)
        stored = lanes.results()["r1"]
        first, last, done = events.split(stored.data)
        assert (first, done, stored.headers[headers.OUTCOME]) == (event("one"), events.DONE, "completed")
        assert b'"finish_reason":"length"' in last


async def test_a_cancelled_request_does_not_move() -> None:
    async with two_lanes(lanes=["long"]) as lanes:
        short = await scripted(lanes, "short")
        short.streamed, short.hold = [event("one"), event(" two", "length")], True
        await lanes.send("r1", body(stream=True))
        await until(lambda: len(short.calls) == 1, 5)
        lanes.bus.post(subjects.cancel("acme"), b"r1")
        await lanes.ended(1)
        assert lanes.results()["r1"].headers[headers.OUTCOME] == "cancelled"
        assert lanes.attempts("short", "moved") == 0
