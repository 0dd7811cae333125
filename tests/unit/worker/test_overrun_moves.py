"""Streams that outgrow the short lane's engine go on in the long lane, and nobody notices."""

import json
import random
from typing import Any

import pytest

from tests.unit.worker.two_lanes import CONTEXTS, all_alone, alone, body, two_lanes
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane_proto import events, headers

ENDLESS = {"ignore_eos": True, "max_tokens": 60}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlane_worker.recovery._ASK_S", 0.05)


def drawn(source: random.Random) -> dict[str, Any]:
    """A request whose answer is longer than what the short lane's context leaves for it."""
    fields: dict[str, Any] = {"stream": True}
    limited = source.random() < 0.5
    if limited:
        fields |= {"ignore_eos": True, "max_tokens": source.randint(56, 64)}
    else:
        fields |= {"min_tokens": source.randint(70, 200)}
    if limited and source.random() < 0.5:
        fields["prompt"] = f"No. {source.random()}: tell me of " + "harbours " * source.randint(1, 8)
    else:
        text = f"No. {source.random()}: tell me " + "more " * source.randint(0, 20)
        fields["messages"] = [{"role": "user", "content": text}]
    if source.random() < 0.5:
        fields["stream_options"] = {"include_usage": True}
    shape = source.random()
    if shape < 0.15:
        fields |= {"logprobs": 1 if "prompt" in fields else True, "seed": 3}
    elif shape < 0.3:
        fields |= {"stop": ["never said"], "temperature": 0}
    elif shape < 0.4:
        fields |= {"stream": False, "stream_options": None}
    return fields


THREE = {"short": 64, "middle": 110, "long": 4096}


@pytest.mark.parametrize(
    ("seed", "contexts", "overrun_tokens"), [(1, CONTEXTS, 0), (2, THREE, 0), (3, {"short": 512, "long": 4096}, 48)]
)
async def test_fifty_overruns_are_the_undisturbed_answers(
    seed: int, contexts: dict[str, int], overrun_tokens: int
) -> None:
    source = random.Random(seed)
    asked = {f"r{number}": body(**drawn(source)) for number in range(50)}
    undisturbed = dict(zip(asked, await all_alone(list(asked.values())), strict=True))
    async with two_lanes(contexts, overrun_tokens=overrun_tokens) as lanes:
        for request_id, each in asked.items():
            await lanes.send(request_id, each)
        await lanes.ended(len(asked))
        results, usages = lanes.results(), lanes.usages()
        for request_id, each in asked.items():
            wanted, frames = undisturbed[request_id], lanes.heard[request_id]
            assert frames[-1].terminal.outcome == Outcome.OUTCOME_COMPLETED
            if b'"stream": true' in each:
                shown = lanes.shown(request_id)
                assert (events.digest(shown), len(frames) > 1) == (events.digest(wanted), True)
                assert results[request_id].data == shown
                assert len({read["id"] for read in read_events(shown)}) == 1
                # What is not streamed moves where its context ends.
                assert usages[request_id].moved
            else:
                assert said(frames[0].data) == said(wanted)
        moved = sum(usage.moved for usage in usages.values())
        assert lanes.attempts("short", "moved") == moved
        assert overrun_tokens or moved == len(asked)
        assert lanes.left() == 0


def read_events(data: bytes) -> list[Any]:
    return [json.loads(event[6:]) for event in events.split(data) if event != events.DONE]


def said(whole: bytes) -> Any:
    return {name: value for name, value in json.loads(whole).items() if name not in ("id", "created")}


async def test_a_moved_request_is_budgeted_for_what_it_has_become() -> None:
    async with two_lanes(lanes=["short"]) as lanes:
        await lanes.send("r1", body(stream=True, ignore_eos=True))
        await lanes.send("r2", body(stream=True, **ENDLESS, stream_options={"include_usage": True}))
        queued = await lanes.moved(2)
        r1, r2 = queued
        assert (r1.too_short_tokens, r1.attempts_before, r1.moved) == (64, 1, True)
        assert (r1.classification.lane, r1.classification.fits) == ("long", "long")
        # Of the whole context, what is not answer is prompt; an answer without a limit may double.
        assert (r1.classification.prompt_tokens, r1.classification.output_tokens) == (9, 110)
        assert (r2.classification.prompt_tokens, r2.classification.output_tokens) == (9, 60)


@pytest.mark.parametrize("limit", [1, 20, 54])
@pytest.mark.parametrize("more", [{}, {"stream_options": {"include_usage": True}}])
async def test_an_end_at_max_tokens_is_the_answers_own(limit: int, more: dict[str, Any]) -> None:
    asked = body(stream=True, ignore_eos=True, max_tokens=limit, **more)
    async with two_lanes() as lanes:
        await lanes.send("r1", asked)
        await lanes.ended(1)
        assert events.digest(lanes.shown("r1")) == events.digest(await alone(asked))
        assert (lanes.attempts("short", "completed"), lanes.usages()["r1"].moved) == (1, False)


@pytest.mark.parametrize(
    "more",
    [
        {"stream": True, "logprobs": True},
        {"stream": True, "n": 2, "seed": 1},
        {"stream": True, "prompt": ["one", "two"], "max_tokens": 60},
    ],
)
async def test_what_cannot_be_gone_on_with_ends_where_its_engine_does(more: dict[str, Any]) -> None:
    asked = body(ignore_eos=True, **more)
    async with two_lanes() as lanes:
        await lanes.send("r1", asked)
        await lanes.ended(1)
        assert events.digest(lanes.shown("r1")) == events.digest(await alone(asked, CONTEXTS["short"]))
        assert b'"finish_reason":"length"' in lanes.results()["r1"].data
        assert lanes.attempts("short", "completed") == 1


async def test_without_a_longer_lane_the_end_stands() -> None:
    asked = body(stream=True, ignore_eos=True)
    async with two_lanes({"short": 64, "long": 64}) as lanes:
        await lanes.send("r1", asked)
        await lanes.ended(1)
        assert events.digest(lanes.shown("r1")) == events.digest(await alone(asked, 64))
        assert lanes.attempts("short", "completed") == 1


async def test_every_move_is_to_a_strictly_longer_context() -> None:
    asked = body(stream=True, min_tokens=200)
    async with two_lanes({"short": 64, "middle": 128, "long": 4096}, ["short", "middle", "long"]) as lanes:
        await lanes.send("r1", asked)
        await lanes.ended(1)
        assert events.digest(lanes.shown("r1")) == events.digest(await alone(asked))
        assert (lanes.attempts("short", "moved"), lanes.attempts("middle", "moved")) == (1, 1)
        assert lanes.usages()["r1"].usage.completion_tokens >= 200


async def test_a_request_for_which_a_context_was_too_short_never_comes_back_to_it() -> None:
    async with two_lanes({"short": 64, "long": 4096}, ["short"]) as lanes:
        await lanes.send("r1", body(stream=True, ignore_eos=True), too_short_tokens=4096)
        await lanes.ended(1)
        assert lanes.attempts("short", "completed") == 1


async def test_a_lane_without_room_leaves_the_end_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = body(stream=True, ignore_eos=True)
    async with two_lanes() as lanes:
        await lanes.send("r1", asked)
        lanes.refuse_lane("long")
        await lanes.ended(1)
        assert events.digest(lanes.shown("r1")) == events.digest(await alone(asked, 64))
        assert lanes.results()["r1"].headers[headers.OUTCOME] == "completed"


async def test_a_stream_moves_early_where_the_lane_is_for_less_than_its_engine_holds() -> None:
    asked = body(stream=True, **ENDLESS)
    async with two_lanes({"short": 1024, "long": 4096}, overrun_tokens=40) as lanes:
        await lanes.send("r1", asked)
        await lanes.ended(1)
        assert events.digest(lanes.shown("r1")) == events.digest(await alone(asked))
        first = [frame for frame in lanes.heard["r1"] if frame.attempt == 1]
        assert sum(events.count(frame.data) for frame in first) == 41 - len(asked) // 6
        assert lanes.attempts("short", "moved") == 1
        assert lanes.usages()["r1"].moved


async def test_what_cannot_move_early_ends_where_it_is() -> None:
    asked = body(stream=True, logprobs=True, **ENDLESS)
    async with two_lanes({"short": 1024, "long": 4096}, overrun_tokens=40) as lanes:
        await lanes.send("r1", asked)
        await lanes.ended(1)
        assert events.digest(lanes.shown("r1")) == events.digest(await alone(asked))
        assert lanes.attempts("short", "completed") == 1


async def test_a_job_that_outgrows_its_budget_is_counted_for_what_it_takes() -> None:
    asked = body(stream=True, ignore_eos=True, max_tokens=60)
    async with two_lanes({"short": 1024}, ["short"]) as lanes:
        counted: list[int] = []
        lanes.on_grow("short", counted.append)
        await lanes.send("r1", asked, output_tokens=10)
        await lanes.ended(1)
        prompt = len(asked) // 6
        assert counted == [prompt + 20, prompt + 40, prompt + 80]
        assert lanes.committed("short") == 0, "all of it is given back"
