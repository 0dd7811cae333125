"""Answers of two real engines, one with a short context and one with a long one: what outgrows the first goes on in the
second."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.chaos.answers import Said, read_events, read_whole
from tests.chaos.http_client import HttpClient
from tests.chaos.seen import Seen
from tests.chaos.workload import CHAT, Ask, Via
from tests.support.fleet import Fleet, FleetConfig

TENANT = "storm"
# Of the short lane's engine. Unit: tokens.
CONTEXT = 96
_AT_ONCE = 4
_THINGS = ("harbour", "river", "garden", "mountain", "library", "market")
_TASKS = ("Tell a long story about a {}.", "Describe a {} in the morning.", "Write a long letter from a {}.")
# Streamed and continued; not streamed; made again and compared.
_SHAPES: tuple[dict[str, Any], ...] = (
    {"stream": True},
    {"stream": True, "stream_options": {"include_usage": True}},
    {},
    {"stream": True, "logprobs": True},
)


@dataclass(slots=True)
class Overruns:
    """`moved`: attempts that ended by a move. Of the texts, `same` are those of the longer engine alone; `explained`
    differ, and are what it writes behind what the shorter one had said; `unexplained` are neither."""

    requests: int = 0
    moved: int = 0
    same: int = 0
    explained: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)


def long_asks(count: int, model: str) -> list[Ask]:
    """Greedy requests whose answers do not fit the short context, though their `max_tokens` would."""
    prompts = (task.format(thing) for thing in _THINGS for task in _TASKS)
    return [
        Ask(number, Via.HTTP, CHAT, _fields(model, prompt, number), f"overrun-{number}")
        for number, prompt in enumerate(itertools.islice(itertools.cycle(prompts), count))
    ]


def _fields(model: str, prompt: str, number: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"{prompt} (No. {number})"}]
    limit = {"max_tokens": CONTEXT - number, "ignore_eos": True}
    return {"model": model, "messages": messages, "temperature": 0, **limit, **_SHAPES[number % len(_SHAPES)]}


async def outgrow(short_url: str, long_url: str, asks: Sequence[Ask]) -> Overruns:
    """Ask through a fleet whose lanes have an engine each, all in the short one."""
    long = await said_by(long_url, asks)
    found = Overruns(requests=len(asks))
    config = FleetConfig(
        ingresses=1,
        workers=1,
        engine={"ENGINE": "url"},
        lane_engine={"short": {"ENGINE_URL": short_url}, "long": {"ENGINE_URL": long_url}},
        settings={"ISOLATION": "strict"},
        classifier="tests.chaos.always_short",
    )
    async with Fleet(config) as fleet:
        client = HttpClient(fleet.urls, TENANT, 1)
        try:
            seen = await asyncio.gather(*(client.ask(ask) for ask in asks))
        finally:
            await client.close()
        found.moved = int(await fleet.metric("tokenlane_worker_attempts_total", "worker-short", outcome="moved"))
    async with httpx.AsyncClient(timeout=120, trust_env=False) as http:
        for ask, one in zip(asks, seen, strict=True):
            await _judge(http, (short_url, long_url), ask, one, long[ask.number], found)
    return found


async def said_by(engine_url: str, asks: Sequence[Ask]) -> dict[int, Said]:
    """What an engine answers when it is asked directly."""
    answers: dict[int, Said] = {}
    left = iter(asks)
    async with httpx.AsyncClient(timeout=120, trust_env=False) as http, asyncio.TaskGroup() as group:

        async def some() -> None:
            for ask in left:
                answer = await http.post(engine_url + ask.path, json=ask.fields)
                answers[ask.number] = (read_events if ask.streamed else read_whole)(answer.content)

        for _ in range(_AT_ONCE):
            group.create_task(some())
    return answers


async def _judge(
    http: httpx.AsyncClient, urls: tuple[str, str], ask: Ask, seen: Seen, wanted: Said, found: Overruns
) -> None:
    if seen.said is None or seen.faults:
        found.unexplained.append(f"{ask.number}: {seen.error} {seen.faults}")
    elif (seen.said.texts, seen.said.reasons) == (wanted.texts, wanted.reasons):
        found.same += 1
    else:
        short = (await said_by(urls[0], [ask]))[ask.number]
        text, shown = seen.said.texts[0], common(seen.said.texts[0], short.texts[0])
        explained = ask.streamed and text == shown + await _behind(http, urls[1], ask, shown)
        told = f"{ask.number}: shown {shown!r}, then {text[len(shown) :]!r}, undisturbed {wanted}"
        (found.explained if explained else found.unexplained).append(told)


def common(one: str, other: str) -> str:
    """The beginning that two texts share."""
    return one[: sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))]


async def _behind(http: httpx.AsyncClient, url: str, ask: Ask, shown: str) -> str:
    """What the engine writes behind `shown`, asked alone."""
    question = {"model": ask.fields["model"], "prompt": shown, "add_special_tokens": False}
    tokens = int((await http.post(f"{url}/tokenize", json=question)).json()["count"])
    fields = {**ask.fields, "stream": False, "stream_options": None, "continue_final_message": True}
    fields |= {"messages": [*ask.fields["messages"], {"role": "assistant", "content": shown}]}
    fields |= {"add_generation_prompt": False, "max_tokens": ask.fields["max_tokens"] - tokens}
    answer = await http.post(url + ask.path, json=fields)
    return str(answer.json()["choices"][0]["message"]["content"])
